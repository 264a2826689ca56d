/** Speaks the public API as one person does: signs up, signs in, and calls with the access token; knows nothing of what is behind the door. */
import type { Problem } from '@switchyard/contracts/problem';

/** An answer that was not 2xx. */
export class ApiError extends Error {
  readonly status: number;
  readonly problem: Partial<Problem>;
  constructor(call: string, status: number, problem: Partial<Problem>) {
    super(
      `${call} answered ${status}${problem.code === undefined ? '' : ` ${problem.code}`}${problem.detail === undefined ? '' : `: ${problem.detail}`}`,
    );
    this.name = 'ApiError';
    this.status = status;
    this.problem = problem;
  }
}

export interface Account {
  readonly handle: string;
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

export class ApiClient {
  private readonly origin: string;
  private accessToken: string | null = null;
  private readonly timeoutMs: number;

  /** `origin` such as `http://localhost:8000`; each call has `timeoutMs` (default 30 s). */
  constructor(origin: string, options: { timeoutMs?: number } = {}) {
    this.origin = origin.replace(/\/$/, '');
    this.timeoutMs = options.timeoutMs ?? 30_000;
  }

  get token(): string | null {
    return this.accessToken;
  }

  /** The parsed body of a 2xx answer (undefined where there is none). @throws ApiError for any other status */
  async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(this.origin + path, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(this.accessToken === null ? {} : { authorization: `Bearer ${this.accessToken}` }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(this.timeoutMs),
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? undefined : JSON.parse(text)) as T;
    throw new ApiError(`${method} ${path}`, response.status, problemIn(text));
  }

  signUp(account: Account): Promise<{ id: string; handle: string }> {
    return this.call('POST', '/api/users', account);
  }

  async signIn(login: string, password: string): Promise<void> {
    this.accessToken = null;
    const { accessToken } = await this.call<{ accessToken: string }>('POST', '/api/session', { login, password });
    this.accessToken = accessToken;
  }

  async signOut(): Promise<void> {
    await this.call('DELETE', '/api/session');
    this.accessToken = null;
  }

  /** Every item of a list, page by page; at most `max`. */
  async all<T>(path: string, max = 100_000): Promise<T[]> {
    const items: T[] = [];
    let cursor: string | null = null;
    do {
      const separator = path.includes('?') ? '&' : '?';
      const page: { items: T[]; nextCursor: string | null } = await this.call(
        'GET',
        `${path}${separator}limit=100${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor !== null && items.length < max);
    return items;
  }
}

function problemIn(text: string): Partial<Problem> {
  try {
    return JSON.parse(text) as Partial<Problem>;
  } catch {
    return { detail: text.slice(0, 200) };
  }
}
