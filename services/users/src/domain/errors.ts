/** The errors that Users answers beside those that any request can get; README.md explains each. */
import { defineErrors } from '@switchyard/kit/errors';

export const usersErrors = defineErrors('USERS', {
  HANDLE_TAKEN: { kind: 'conflict', title: 'This handle is taken', retryable: false },
  HANDLE_RESERVED: { kind: 'conflict', title: 'This handle is reserved', retryable: false },
  EMAIL_TAKEN: { kind: 'conflict', title: 'There is an account with this email address', retryable: false },
  USER_UNKNOWN: { kind: 'not-found', title: 'There is no such person', retryable: false },
  SELF: { kind: 'invalid', title: 'This cannot be done to yourself', retryable: false },
  PASSWORD_WRONG: { kind: 'forbidden', title: 'This is not your password', retryable: false },
  ALREADY_FRIENDS: { kind: 'conflict', title: 'You are friends already', retryable: false },
  ALREADY_REQUESTED: { kind: 'conflict', title: 'Your request is still open', retryable: false },
  NOT_FRIENDS: { kind: 'not-found', title: 'You are not friends', retryable: false },
  REQUEST_UNKNOWN: { kind: 'not-found', title: 'There is no such open request', retryable: false },
  TOO_MANY_FRIENDS: { kind: 'conflict', title: 'One of you has as many friends as one can have', retryable: false },
  TOO_MANY_REQUESTS: { kind: 'conflict', title: 'Too many of your requests are open', retryable: false },
  SIGN_IN_REFUSED: { kind: 'unauthenticated', title: 'Login and password do not match', retryable: false },
  REFRESH_REFUSED: { kind: 'unauthenticated', title: 'This session has ended', retryable: false },
  BUSY: { kind: 'unavailable', title: 'Too many passwords are being checked at once', retryable: true },
});
