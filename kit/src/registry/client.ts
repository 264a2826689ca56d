/** Calls the registry's HTTP interface: one method a call, each with a deadline. */
import { problem } from '@switchyard/contracts/problem';
import type { Problem } from '@switchyard/contracts/problem';
import {
  epochMovedProblem,
  leaseAnswer,
  liveAnswer,
  liveDecisions,
  lockAnswer,
  lockHeldProblem,
  table,
  watchers,
} from '@switchyard/contracts/registry';
import type {
  Acknowledgement,
  DeclarationsInput,
  LiveChangeInput,
  LiveDecisions,
  LockAnswer,
  LockRequestInput,
  RegistrationInput,
  Table,
  Watchers,
} from '@switchyard/contracts/registry';
import type { z } from 'zod';

/** The registry refused, or could not be reached. */
export class RegistryError extends Error {
  /** HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** What it said; null when it said nothing that is a problem document. */
  readonly problem: Problem | null;
  constructor(status: number, problem: Problem | null, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RegistryError';
    this.status = status;
    this.problem = problem;
  }
}

export interface RegistryClientOptions {
  /** `http://127.0.0.1:7000`. */
  readonly url: string;
  /** SERVICE_TOKEN or the operator's token, sent as Bearer. */
  readonly token?: string;
  /** Deadline of each call, default 3 s. */
  readonly timeoutMs?: number;
}

/** A call may be given up before its deadline. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/**
 * What became of a change of what is live; `epoch` is the current one in each case. When it is not set, nothing has changed:
 * - `epoch-moved`: somebody else has changed what is live since; read it and decide anew.
 * - `lock-lost`: a fencing token is of no lock that is held: whoever sends it is not the one who may.
 * - `lock-held`: no token was sent for a service whose lock `heldBy` holds.
 */
export type LiveSet =
  | { readonly set: true; readonly epoch: number }
  | { readonly set: false; readonly epoch: number; readonly because: 'epoch-moved' | 'lock-lost' }
  | ({ readonly set: false; readonly epoch: number; readonly because: 'lock-held' } & LockedOut);

/** Somebody else holds the lock, for `expiresInMs` at most unless he renews it. */
export interface LockedOut {
  readonly heldBy: string;
  readonly expiresInMs: number;
}

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

export class RegistryClient {
  private readonly base: string;
  private readonly headers: Record<string, string>;
  private readonly timeoutMs: number;

  constructor(options: RegistryClientOptions) {
    this.base = options.url.replace(/\/+$/, '');
    this.headers = {
      accept: 'application/json',
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
    };
    this.timeoutMs = options.timeoutMs ?? 3_000;
  }

  /** The whole table. Throws with status 503 while the registry is recovering. */
  readTable(options?: CallOptions): Promise<Table> {
    return this.ask({ method: 'GET', path: '/v1/table' }, table, options);
  }

  /** Registers an instance, or renews it with all it says. */
  async register(
    id: string,
    registration: RegistrationInput,
    options?: CallOptions,
  ): Promise<'registered' | 'renewed'> {
    const answer = await this.call({ method: 'PUT', path: instancePath(id), body: registration }, options);
    if (answer.status === 201) return 'registered';
    if (answer.status === 200) return 'renewed';
    throw refused(answer);
  }

  /** Renews a lease; `unknown` asks to register again. */
  async renew(id: string, options?: CallOptions): Promise<'renewed' | 'unknown'> {
    const answer = await this.call({ method: 'PUT', path: `${instancePath(id)}/lease` }, options);
    if (answer.status === 404) return 'unknown';
    parsed(answer, leaseAnswer);
    return 'renewed';
  }

  /** Removes an instance; one that is not there is removed already. */
  async deregister(id: string, options?: CallOptions): Promise<void> {
    const answer = await this.call({ method: 'DELETE', path: instancePath(id) }, options);
    if (answer.status !== 204 && answer.status !== 404) throw refused(answer);
  }

  /** Says by which epoch a watcher routes; `unknown` when the registry does not know it (its watch has to be opened again). */
  async acknowledge(
    watcherId: string,
    acknowledgement: Partial<Acknowledgement> & Pick<Acknowledgement, 'epoch'>,
    options?: CallOptions,
  ): Promise<'acknowledged' | 'unknown'> {
    const path = `/v1/watchers/${encodeURIComponent(watcherId)}/ack`;
    const answer = await this.call({ method: 'PUT', path, body: acknowledgement }, options);
    if (answer.status === 204) return 'acknowledged';
    if (answer.status === 404) return 'unknown';
    throw refused(answer);
  }

  /** What each watcher that routes has acknowledged. Throws with status 503 while the registry is recovering. */
  async readWatchers(options?: CallOptions): Promise<Watchers['watchers']> {
    return (await this.ask({ method: 'GET', path: '/v1/watchers' }, watchers, options)).watchers;
  }

  /** What is live as it was decided, whatever instances there are; also while the registry is recovering. */
  readLive(options?: CallOptions): Promise<LiveDecisions> {
    return this.ask({ method: 'GET', path: '/v1/live' }, liveDecisions, options);
  }

  /**
   * Compare-and-set of what is live. An answer that never came (status 0) does not say whether it was set: `readLive` does.
   *
   * @throws RegistryError with REGISTRY_DEPLOYMENT_EMPTY (409) when what shall get traffic has no instance that is UP, with status 503 while the
   *   registry waits for its instances or cannot write, and for what is wrong with the request itself
   */
  async setLive(change: LiveChangeInput, options?: CallOptions): Promise<LiveSet> {
    const answer = await this.call({ method: 'POST', path: '/v1/live', body: change }, options);
    const refusal = answer.status === 409 ? epochMovedProblem.safeParse(answer.json).data : undefined;
    if (refusal === undefined) return { set: true, epoch: parsed(answer, liveAnswer).epoch };
    const { code, epoch } = refusal;
    const lockedOut = lockedOutBy(answer);
    if (lockedOut !== null) return { set: false, epoch, because: 'lock-held', ...lockedOut };
    if (code === 'REGISTRY_LOCK_UNKNOWN') return { set: false, epoch, because: 'lock-lost' };
    if (code === 'REGISTRY_EPOCH_MOVED') return { set: false, epoch, because: 'epoch-moved' };
    throw refused(answer);
  }

  /** Takes the lock of a service. Who has it already gets a new token, and what he sent with the one before is refused. */
  async lock(
    service: string,
    request: LockRequestInput,
    options?: CallOptions,
  ): Promise<{ readonly held: LockAnswer } | LockedOut> {
    const answer = await this.call({ method: 'POST', path: lockPath(service), body: request }, options);
    return lockedOutBy(answer) ?? { held: parsed(answer, lockAnswer) };
  }

  /** Makes a lock last from now; the token stays. `heldBy` null: it has lapsed or was released, and nobody has it. */
  async renewLock(
    service: string,
    request: LockRequestInput,
    options?: CallOptions,
  ): Promise<{ readonly held: LockAnswer } | LockedOut | { readonly heldBy: null }> {
    const answer = await this.call({ method: 'PUT', path: lockPath(service), body: request }, options);
    if (codeOf(answer) === 'REGISTRY_LOCK_UNKNOWN') return { heldBy: null };
    return lockedOutBy(answer) ?? { held: parsed(answer, lockAnswer) };
  }

  /** Gives a lock back; one that is not held is released already. */
  async unlock(
    service: string,
    release: { readonly holder: string },
    options?: CallOptions,
  ): Promise<'released' | LockedOut> {
    const answer = await this.call({ method: 'DELETE', path: lockPath(service), body: release }, options);
    if (answer.status === 204) return 'released';
    const lockedOut = lockedOutBy(answer);
    if (lockedOut === null) throw refused(answer);
    return lockedOut;
  }

  /** Says which services the yard file declares; replaces what was declared. */
  async declare(declarations: DeclarationsInput, options?: CallOptions): Promise<{ epoch: number }> {
    return this.ask({ method: 'PUT', path: '/v1/declarations', body: declarations }, liveAnswer, options);
  }

  private async ask<S extends z.ZodType>(call: Call, schema: S, options?: CallOptions): Promise<z.infer<S>> {
    return parsed(await this.call(call, options), schema);
  }

  private async call(call: Call, options: CallOptions = {}): Promise<Answer> {
    const deadline = AbortSignal.timeout(this.timeoutMs);
    const signal = options.signal === undefined ? deadline : AbortSignal.any([deadline, options.signal]);
    try {
      const response = await fetch(`${this.base}${call.path}`, {
        method: call.method,
        redirect: 'error',
        signal,
        headers: call.body === undefined ? this.headers : { ...this.headers, 'content-type': 'application/json' },
        ...(call.body === undefined ? {} : { body: JSON.stringify(call.body) }),
      });
      const text = await response.text();
      return { status: response.status, json: jsonOrNull(text), call };
    } catch (error) {
      const cause = (error as { cause?: { code?: string; message?: string } }).cause;
      const why = deadline.aborted
        ? `no answer within ${this.timeoutMs} ms`
        : (cause?.code ?? cause?.message ?? (error as Error).message);
      throw new RegistryError(0, null, `registry ${this.base}: ${call.method} ${call.path}: ${why}`, { cause: error });
    }
  }
}

interface Answer {
  readonly status: number;
  readonly json: unknown;
  readonly call: Call;
}

const instancePath = (id: string): string => `/v1/instances/${encodeURIComponent(id)}`;
const lockPath = (service: string): string => `/v1/services/${encodeURIComponent(service)}/lock`;

const codeOf = (answer: Answer): string | null => problem.safeParse(answer.json).data?.code ?? null;

function lockedOutBy(answer: Answer): LockedOut | null {
  const said = answer.status === 409 ? lockHeldProblem.safeParse(answer.json).data : undefined;
  return said?.code === 'REGISTRY_LOCK_HELD' ? { heldBy: said.holder, expiresInMs: said.expiresInMs } : null;
}

function parsed<S extends z.ZodType>(answer: Answer, schema: S): z.infer<S> {
  if (answer.status < 200 || answer.status > 299) throw refused(answer);
  const result = schema.safeParse(answer.json);
  if (result.success) return result.data;
  const { method, path } = answer.call;
  throw new RegistryError(
    answer.status,
    null,
    `registry: ${method} ${path} answered what its contract does not allow`,
    {
      cause: result.error,
    },
  );
}

function refused(answer: Answer): RegistryError {
  const said = problem.safeParse(answer.json);
  const { method, path } = answer.call;
  const why = said.success ? `${said.data.code}: ${said.data.detail ?? said.data.title}` : 'no problem document';
  return new RegistryError(
    answer.status,
    said.success ? said.data : null,
    `registry: ${method} ${path} answered ${answer.status}: ${why}`,
  );
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
