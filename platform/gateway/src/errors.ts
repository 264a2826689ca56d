/** The gateway's own error codes; each is explained in the README, and a test proves that none is missing there. */
import { defineErrors } from '@switchyard/kit/errors';

export const errors = defineErrors('GATEWAY', {
  REQUEST_MALFORMED: { kind: 'invalid', title: 'The request is malformed or ambiguous', retryable: false },
  REQUEST_TIMEOUT: { kind: 'request-timeout', title: 'The request did not arrive in time', retryable: true },
  HEAD_TOO_LARGE: { kind: 'head-too-large', title: 'The head of the request is too large', retryable: false },
  BODY_TOO_LARGE: { kind: 'too-large', title: 'The body is larger than this route allows', retryable: false },
  TLS_REQUIRED: { kind: 'forbidden', title: 'This is served by HTTPS alone', retryable: false },
  METHOD_NOT_ALLOWED: { kind: 'method-not-allowed', title: 'This method is not served', retryable: false },
  NO_ROUTE: { kind: 'not-found', title: 'No service answers at this path', retryable: false },
  ORIGIN_REFUSED: { kind: 'forbidden', title: 'This origin may not call from a browser', retryable: false },
  CROSS_SITE: {
    kind: 'forbidden',
    title: 'A request with cookies that changes something must come from the same origin or an allowed one',
    retryable: false,
  },
  TOO_MANY_REQUESTS: { kind: 'too-many', title: 'Too many requests', retryable: true },
  TOO_MANY_SIGN_INS: { kind: 'too-many', title: 'Too many failed sign-ins', retryable: true },
  SIGN_IN_REFUSED: { kind: 'unauthenticated', title: 'Login or password is wrong', retryable: false },
  NOT_SIGNED_IN: { kind: 'unauthenticated', title: 'Sign in first', retryable: false },
  TOKEN_INVALID: { kind: 'unauthenticated', title: 'The access token is not valid any more', retryable: false },
  SESSIONS_UNAVAILABLE: {
    kind: 'unavailable',
    title: 'Signing in is not possible for the moment, try again shortly',
    retryable: true,
  },
  NO_TABLE: { kind: 'unavailable', title: 'The gateway does not know the services yet', retryable: true },
  NO_INSTANCE: { kind: 'unavailable', title: 'No instance of the service is there for the moment', retryable: true },
  BREAKER_OPEN: { kind: 'unavailable', title: 'The service fails too often and is given a pause', retryable: true },
  OVERLOADED: { kind: 'unavailable', title: 'Too many requests are under way', retryable: true },
  UPSTREAM_UNREACHABLE: { kind: 'unavailable', title: 'The service could not be reached', retryable: true },
  UPSTREAM_BROKE: { kind: 'bad-upstream', title: 'The service broke off before it answered', retryable: true },
  UPSTREAM_TIMEOUT: { kind: 'timeout', title: 'The service did not answer in time', retryable: true },
});
