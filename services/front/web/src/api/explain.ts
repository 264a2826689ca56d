/** Turns what went wrong into a sentence for the reader, and field errors into words beside their fields. */
import type { Words } from '../../../src/words/catalogue.ts';
import { ApiError } from './call.ts';

export function explain(error: unknown, words: Words): string {
  const { trouble } = words;
  if (!(error instanceof ApiError)) return trouble.refused;
  if (error.trouble === 'unreachable') return trouble.unreachable;
  if (error.trouble === 'slow') return trouble.slow;
  const known = byCode(error.code, words);
  if (known !== null) return known;
  if (error.status === 429)
    return error.retryAfterSeconds === null ? trouble.tooMany : trouble.tooManyWait(error.retryAfterSeconds);
  if (error.status >= 502) return trouble.unavailable;
  if (error.status >= 500) return trouble.internal;
  if (error.status === 404) return trouble.gone;
  return error.problem?.detail ?? error.problem?.title ?? trouble.refused;
}

function byCode(code: string, words: Words): string | null {
  switch (code) {
    case 'USERS_HANDLE_TAKEN':
      return words.fields.handleTaken;
    case 'USERS_HANDLE_RESERVED':
      return words.fields.handleReserved;
    case 'USERS_EMAIL_TAKEN':
      return words.fields.emailTaken;
    case 'USERS_PASSWORD_WRONG':
      return words.fields.passwordWrong;
    case 'GATEWAY_SIGN_IN_REFUSED':
    case 'USERS_SIGN_IN_REFUSED':
      return words.signIn.refused;
    case 'USERS_TOO_MANY_REQUESTS':
      return words.trouble.tooManyRequests;
    case 'USERS_TOO_MANY_FRIENDS':
      return words.trouble.tooManyFriends;
    default:
      return null;
  }
}

export type FieldErrors = Readonly<Record<string, string>>;

const FIELD_OF_CODE: Readonly<Record<string, string>> = {
  USERS_HANDLE_TAKEN: 'handle',
  USERS_HANDLE_RESERVED: 'handle',
  USERS_EMAIL_TAKEN: 'email',
  USERS_PASSWORD_WRONG: 'current',
};

/**
 * Which field each fault is about: `body.handle` is `handle`, and some codes are about one field.
 * The words are ours where the field is known, else the server's. Empty when the error is about no field.
 */
export function fieldErrors(error: unknown, words: Words): FieldErrors {
  if (!(error instanceof ApiError)) return {};
  const found: Record<string, string> = {};
  const field = FIELD_OF_CODE[error.code];
  if (field !== undefined) found[field] = explain(error, words);
  for (const fault of error.problem?.errors ?? []) {
    const name = /^body\.([a-z]+)/i.exec(fault.at)?.[1];
    if (name !== undefined) found[name] ??= ruleOf(name, words) ?? fault.message;
  }
  return found;
}

/** What a field must be, in the reader's language. */
export function ruleOf(field: string, words: Words): string | null {
  switch (field) {
    case 'handle':
      return words.fields.handleInvalid;
    case 'name':
      return words.fields.nameInvalid;
    case 'email':
      return words.fields.emailInvalid;
    case 'password':
    case 'next':
      return words.fields.passwordInvalid;
    case 'bio':
      return words.fields.bioInvalid;
    default:
      return null;
  }
}
