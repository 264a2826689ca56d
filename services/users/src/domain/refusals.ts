/** Refusals that several use cases give, each in one wording. */
import { refuse, requestErrors } from '@switchyard/kit/errors';
import { usersErrors } from './errors.ts';

export const unknownUser = (handle: string) =>
  refuse(usersErrors.USER_UNKNOWN, { detail: `Nobody here is @${handle}` });

/** The token is good, but its account was deleted since. */
export const accountGone = () => refuse(requestErrors.NOT_SIGNED_IN, { detail: 'This account no longer exists' });

export const handleTaken = (handle: string) =>
  refuse(usersErrors.HANDLE_TAKEN, { detail: `@${handle} belongs to somebody, or did until lately` });

export const handleReserved = (handle: string) =>
  refuse(usersErrors.HANDLE_RESERVED, { detail: `@${handle} is kept free; choose another` });
