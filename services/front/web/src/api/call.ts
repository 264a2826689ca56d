/** One call to the application's interface through the gateway, with a deadline; whatever goes wrong is an ApiError. */
import type { Problem } from '@switchyard/contracts/problem';
import { pauseBeforeSecondTry } from '../../../src/domain/second-try.ts';

export type Trouble =
  /** No answer at all: network, DNS, a blocked cross-origin call. */
  | 'unreachable'
  /** No answer in time. */
  | 'slow'
  /** An answer with a status of 400 or more. */
  | 'answered';

export class ApiError extends Error {
  readonly trouble: Trouble;
  /** 0 without an answer. */
  readonly status: number;
  readonly problem: Problem | null;
  readonly retryAfterSeconds: number | null;
  constructor(
    trouble: Trouble,
    answer: { status: number; problem: Problem | null; retryAfterSeconds: number | null } | null = null,
    cause?: unknown,
  ) {
    super(answer?.problem?.code ?? `${trouble} ${answer?.status ?? ''}`.trim(), { cause });
    this.name = 'ApiError';
    this.trouble = trouble;
    this.status = answer?.status ?? 0;
    this.problem = answer?.problem ?? null;
    this.retryAfterSeconds = answer?.retryAfterSeconds ?? null;
  }

  get code(): string {
    return this.problem?.code ?? '';
  }

  /** The same call may succeed in a moment. */
  get passing(): boolean {
    return this.trouble !== 'answered' || this.status >= 502;
  }
}

const TIMEOUT_MS = 15_000;
const place = { gatewayUrl: '', onSessionLost: () => {} };

/** Where calls go, and what happens when one says that nobody is signed in (401). */
export function setUpCalls(to: { gatewayUrl: string }): void {
  place.gatewayUrl = to.gatewayUrl;
}
export function whenSessionLost(act: () => void): () => void {
  place.onSessionLost = act;
  return () => {
    if (place.onSessionLost === act) place.onSessionLost = () => {};
  };
}

export interface CallOptions {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly signal?: AbortSignal | undefined;
  /** Calls of the session itself, which may well answer 401. */
  readonly sessionCall?: boolean;
}

/**
 * The parsed answer; undefined for 204. Reading is tried a second time where the service is away for the moment.
 *
 * @throws ApiError; the caller's own abort passes through as it is
 */
export async function call<T>(method: string, path: string, options: CallOptions = {}): Promise<T> {
  try {
    return await callOnce(method, path, options);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const pauseMs = pauseBeforeSecondTry(
      { method, status: error.status, retryAfterSeconds: error.retryAfterSeconds },
      Math.random(),
    );
    if (pauseMs === null) throw error;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    return callOnce(method, path, options);
  }
}

async function callOnce<T>(method: string, path: string, options: CallOptions): Promise<T> {
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
  let answer: Response;
  try {
    answer = await fetch(urlOf(path, options.query), {
      method,
      signal,
      credentials: place.gatewayUrl === '' ? 'same-origin' : 'include',
      cache: 'no-store',
      ...(options.body === undefined
        ? {}
        : { body: JSON.stringify(options.body), headers: { 'content-type': 'application/json' } }),
    });
    if (answer.ok) return (answer.status === 204 ? undefined : await answer.json()) as T;
  } catch (error) {
    if (options.signal?.aborted === true) throw error;
    throw new ApiError(deadline.aborted ? 'slow' : 'unreachable', null, error);
  }
  const failed = new ApiError('answered', {
    status: answer.status,
    problem: await problemIn(answer),
    retryAfterSeconds: secondsIn(answer.headers.get('retry-after')),
  });
  if (failed.status === 401 && failed.code !== 'USERS_PASSWORD_WRONG' && options.sessionCall !== true)
    place.onSessionLost();
  throw failed;
}

/** The address of an event stream, and whether it needs credentials across origins. */
export const streamAddress = (path: string): { url: string; withCredentials: boolean } => ({
  url: place.gatewayUrl + path,
  withCredentials: place.gatewayUrl !== '',
});

function urlOf(path: string, query: CallOptions['query'] = {}): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  return `${place.gatewayUrl}${path}${parameters.size === 0 ? '' : `?${parameters}`}`;
}

async function problemIn(answer: Response): Promise<Problem | null> {
  if (!/\bjson\b/.test(answer.headers.get('content-type') ?? '')) return null;
  try {
    const read: unknown = await answer.json();
    return typeof read === 'object' && read !== null && 'code' in read ? (read as Problem) : null;
  } catch {
    return null;
  }
}

function secondsIn(header: string | null): number | null {
  const seconds = header === null ? Number.NaN : Number(header);
  return Number.isFinite(seconds) && seconds >= 0 ? seconds : null;
}
