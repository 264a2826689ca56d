/** Asks other services by request-response messages (Nest's TCP transport), wherever the registry says they are. */
import { problem as problemDocument } from '@switchyard/contracts/problem';
import type { Problem } from '@switchyard/contracts/problem';
import type { z } from 'zod';
import { Unavailable } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Claimed, Finder, Found } from '../registry/finder.ts';
import { MessageConnection, NotConnected } from './message-connection.ts';

export interface MessageRequest<A> {
  readonly service: string;
  /** `users.resolve-handles`. */
  readonly pattern: string;
  /** JSON; not null. */
  readonly payload: object | string | number | boolean;
  readonly answer: z.ZodType<A>;
  /** Deadline of the whole request, connecting included. Default 1000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The other service said no, or failed: `problem` has its code. */
export class MessageRefused extends Error {
  readonly problem: Problem;
  constructor(service: string, pattern: string, problem: Problem) {
    super(
      `${service} refused ${pattern}: ${problem.code}${problem.detail === undefined ? '' : ` (${problem.detail})`}`,
    );
    this.name = 'MessageRefused';
    this.problem = problem;
  }
}

export interface MessageClientOptions {
  readonly finder: Pick<Finder, 'claim' | 'instances'>;
  readonly log: Logger;
}

const ENDPOINT = 'tcp';
const TIMEOUT_MS = 1_000;
/** How often it is looked whether an instance has left the registry. */
const SWEEP_MS = 1_000;
/** What an instance that has left may still take to answer. */
const DRAIN_TIMEOUT_MS = 10_000;
/** Instances that are tried while none can be connected to. */
const CONNECT_ATTEMPTS = 3;

/**
 * Any number of requests at once; one connection an instance, dialled with its first request, closed when the instance leaves. A request
 * is a claim on its deployment from before it is dialled until it is answered, so that a swap waits for it.
 */
export class MessageClient {
  private readonly options: MessageClientOptions;
  private readonly connections = new Map<string, { service: string; connection: MessageConnection }>();
  private sweeping: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(options: MessageClientOptions) {
    this.options = options;
  }

  /**
   * The answer, checked by its schema. An instance that cannot be connected to is passed over for another; once a request is
   * sent it is not repeated, since it may have been carried out.
   *
   * @throws Unavailable when there is no instance, the connection breaks or the deadline passes; MessageRefused when the
   *   service refuses; ZodError when the answer is not what it should be
   */
  async request<A>(request: MessageRequest<A>): Promise<A> {
    const { service, pattern, answer, timeoutMs = TIMEOUT_MS } = request;
    const deadline = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? deadline : AbortSignal.any([deadline, request.signal]);
    try {
      return answer.parse(await this.ask(request, signal));
    } catch (error) {
      if (deadline.aborted && error === deadline.reason)
        throw new Unavailable(`${service} did not answer ${pattern} within ${timeoutMs} ms`, { cause: error });
      throw meaningOf(error, service, pattern);
    }
  }

  /** Waits at most 10 s for what is under way, then closes every connection. */
  async close(): Promise<void> {
    this.isClosed = true;
    if (this.sweeping !== null) clearInterval(this.sweeping);
    const all = [...this.connections.values()];
    this.connections.clear();
    await Promise.all(all.map(({ connection }) => connection.drain(DRAIN_TIMEOUT_MS)));
  }

  private async ask({ service, pattern, payload }: MessageRequest<unknown>, signal: AbortSignal): Promise<unknown> {
    for (let attempt = 1; ; attempt++) {
      if (this.isClosed) throw new Unavailable('the message client is closed');
      const claimed = this.options.finder.claim(service, ENDPOINT);
      if (claimed === null) throw new Unavailable(`no instance of ${service} that takes messages is to be found`);
      try {
        const connection = await this.connected(service, claimed, signal);
        return await connection.ask(pattern, payload, signal);
      } catch (error) {
        if (!(error instanceof NotConnected) || attempt >= CONNECT_ATTEMPTS) throw error;
      } finally {
        claimed.end();
      }
    }
  }

  private async connected(service: string, claimed: Claimed, signal: AbortSignal): Promise<MessageConnection> {
    const connection = this.connectionTo(service, claimed);
    try {
      await connection.connected(signal);
    } catch (error) {
      if (error instanceof NotConnected) {
        if (this.connections.get(keyOf(claimed))?.connection === connection) this.connections.delete(keyOf(claimed));
        this.options.log.warn({ err: error, service, instance: claimed.instanceId }, 'cannot connect for messages');
      }
      throw error;
    }
    return connection;
  }

  private connectionTo(service: string, found: Found): MessageConnection {
    const key = keyOf(found);
    let known = this.connections.get(key);
    if (known === undefined || known.connection.isClosed) {
      known = { service, connection: new MessageConnection(found.host, found.port) };
      this.connections.set(key, known);
      this.sweeping ??= setInterval(() => this.sweep(), SWEEP_MS).unref();
    }
    return known.connection;
  }

  private sweep(): void {
    for (const [key, { service, connection }] of this.connections) {
      if (this.options.finder.instances(service, ENDPOINT).some((found) => keyOf(found) === key)) continue;
      this.connections.delete(key);
      void connection.drain(DRAIN_TIMEOUT_MS);
    }
  }
}

const keyOf = ({ instanceId, host, port }: Found): string => `${instanceId} ${host} ${port}`;

function meaningOf(error: unknown, service: string, pattern: string): unknown {
  if (error instanceof NotConnected)
    return new Unavailable(`no instance of ${service} can be connected to`, { cause: error });
  const said = problemDocument.safeParse(error);
  if (said.success) return new MessageRefused(service, pattern, said.data);
  if (typeof error === 'string') return new Error(`${service} answered ${pattern} by: ${error}`);
  if (error instanceof Error && error.message === 'Connection closed')
    return new Unavailable(`the connection to ${service} broke while it was to answer ${pattern}`, { cause: error });
  return error;
}
