/** Error codes: one registry per service, refusals as values, and the problem document (RFC 9457) that HTTP makes of them. */
import type { Fault, Problem } from '@switchyard/contracts/problem';
import { currentTrace } from './trace.ts';

/** What went wrong, for the edge to turn into a status. */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'method-not-allowed'
  | 'conflict'
  | 'request-timeout'
  | 'too-large'
  | 'head-too-large'
  | 'unsupported-media-type'
  | 'too-many'
  | 'internal'
  | 'bad-upstream'
  | 'unavailable'
  | 'timeout';

export const STATUS_OF: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  'not-found': 404,
  'method-not-allowed': 405,
  conflict: 409,
  'request-timeout': 408,
  'too-large': 413,
  'head-too-large': 431,
  'unsupported-media-type': 415,
  'too-many': 429,
  internal: 500,
  'bad-upstream': 502,
  unavailable: 503,
  timeout: 504,
};

export interface ErrorDefinition {
  readonly kind: ErrorKind;
  /** The same sentence for every occurrence. */
  readonly title: string;
  /** Whether the same request may succeed later without a change. */
  readonly retryable: boolean;
}

export interface ErrorCode extends ErrorDefinition {
  readonly code: string;
}

export type ErrorRegistry<K extends string = string> = Readonly<Record<K, ErrorCode>>;

/** Makes a registry: keys are the codes without the service's prefix, `POST_TOO_LONG` in `FEEDS` becomes `FEEDS_POST_TOO_LONG`. */
export function defineErrors<K extends string>(
  prefix: string,
  definitions: Readonly<Record<K, ErrorDefinition>>,
): ErrorRegistry<K> {
  const entries = Object.entries<ErrorDefinition>(definitions).map(([key, definition]) => [
    key,
    Object.freeze({ ...definition, code: `${prefix}_${key}` }),
  ]);
  return Object.freeze(Object.fromEntries(entries)) as ErrorRegistry<K>;
}

/** Errors that any HTTP request to any service can get. */
export const requestErrors = defineErrors('REQUEST', {
  INVALID: { kind: 'invalid', title: 'The request is not valid', retryable: false },
  NOT_JSON: { kind: 'invalid', title: 'The body is not JSON', retryable: false },
  NOT_UTF8: { kind: 'invalid', title: 'The body is not UTF-8', retryable: false },
  MEDIA_TYPE: {
    kind: 'unsupported-media-type',
    title: 'The body must be application/json',
    retryable: false,
  },
  BODY_TOO_LARGE: { kind: 'too-large', title: 'The body is too large', retryable: false },
  CURSOR_INVALID: {
    kind: 'invalid',
    title: 'The cursor was not issued by this list',
    retryable: false,
  },
  NO_ROUTE: { kind: 'not-found', title: 'There is nothing here', retryable: false },
  METHOD_NOT_ALLOWED: {
    kind: 'method-not-allowed',
    title: 'This method is not allowed here',
    retryable: false,
  },
  NOT_SIGNED_IN: { kind: 'unauthenticated', title: 'Sign in first', retryable: false },
  NOT_A_SERVICE: {
    kind: 'unauthenticated',
    title: 'This needs the token of a service',
    retryable: false,
  },
  FORBIDDEN: { kind: 'forbidden', title: 'This is not for whoever asks', retryable: false },
  NOT_THE_OPERATOR: {
    kind: 'unauthenticated',
    title: 'This needs the token of the operator',
    retryable: false,
  },
  INTERNAL: { kind: 'internal', title: 'Something went wrong on our side', retryable: true },
  UNAVAILABLE: {
    kind: 'unavailable',
    title: 'This is not available for the moment',
    retryable: true,
  },
});

/** An expected "no", returned as a value. */
export class Refusal {
  readonly error: ErrorCode;
  readonly detail: string | undefined;
  readonly faults: readonly Fault[] | undefined;
  /** Seconds for `Retry-After`. */
  readonly retryAfterSeconds: number | undefined;
  constructor(error: ErrorCode, more: { detail?: string; faults?: readonly Fault[]; retryAfterSeconds?: number } = {}) {
    this.error = error;
    this.detail = more.detail;
    this.faults = more.faults;
    this.retryAfterSeconds = more.retryAfterSeconds;
  }
}

export const refuse = (error: ErrorCode, more?: ConstructorParameters<typeof Refusal>[1]): Refusal =>
  new Refusal(error, more);
export const isRefusal = (value: unknown): value is Refusal => value instanceof Refusal;

/** A refusal on its way out of an HTTP handler; only the edge throws it. */
export class RefusedRequest extends Error {
  readonly refusal: Refusal;
  constructor(refusal: Refusal) {
    super(refusal.error.code);
    this.name = 'RefusedRequest';
    this.refusal = refusal;
  }
}

/**
 * Something that a request needs is away for the moment: a database, another service, the keys. The edge answers 503 with
 * `Retry-After`; `message` and `cause` are for the log alone.
 */
export class Unavailable extends Error {
  /** Seconds. */
  readonly retryAfterSeconds: number;
  constructor(message: string, options: { cause?: unknown; retryAfterSeconds?: number } = {}) {
    super(message, { cause: options.cause });
    this.name = 'Unavailable';
    this.retryAfterSeconds = options.retryAfterSeconds ?? 1;
  }
}

/** For the edge: the value, or the refusal thrown. */
export function accepted<T>(result: T | Refusal): T {
  if (result instanceof Refusal) throw new RefusedRequest(result);
  return result;
}

/** The problem document of a refusal, with the request's id. `type` names the code; the codes are in each service's README. */
export function problemOf(refusal: Refusal, requestId = currentTrace()?.requestId): Problem {
  return {
    type: `urn:switchyard:error:${refusal.error.code}`,
    title: refusal.error.title,
    status: STATUS_OF[refusal.error.kind],
    code: refusal.error.code,
    ...(refusal.detail === undefined ? {} : { detail: refusal.detail }),
    retryable: refusal.error.retryable,
    ...(requestId === undefined ? {} : { requestId }),
    ...(refusal.faults === undefined ? {} : { errors: [...refusal.faults] }),
  };
}
