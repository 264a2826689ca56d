/** A WebSocket that sends numbered messages, one at a time, and must get each back; only close code 1012 is a good end, and it comes back after it. */
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { DeploymentOrder } from './deployment-order.ts';
import type { OrderRule } from './deployment-order.ts';
import { nowMs } from './tally.ts';
import type { FailureCause, Tally } from './tally.ts';

const EVERY_MS = 100;
const ANSWER_MS = 5_000;
const AGAIN_MS = 50;
const AGAIN_AFTER_FAILURE_MS = 500;
const CLOSE_MS = 2_000;
/** RFC 6455 7.4 and its registry: the service restarts, come back. */
const SERVICE_RESTARTS = 1012;

type End =
  | { readonly how: 'restarting' | 'stopped' }
  | { readonly how: 'failed'; readonly cause: FailureCause; readonly reason: string };

export class SocketClient {
  /** Resolves when it has been stopped and its connection is gone. */
  readonly ended: Promise<void>;
  private readonly url: string;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly tally: Tally;
  private readonly order: DeploymentOrder;
  private readonly stopping = new AbortController();
  /** The message that is sent next, or whose echo is awaited. */
  private number = 1;
  private isAwaited = false;
  /** A 1012 is a reconnect once the next connection stands. */
  private comesBack = false;

  constructor(url: URL, headers: Readonly<Record<string, string>>, rule: OrderRule, tally: Tally) {
    this.url = url.href.replace(/^http/, 'ws');
    this.headers = headers;
    this.tally = tally;
    this.order = new DeploymentOrder(rule);
    this.ended = this.run();
  }

  stop(): void {
    this.stopping.abort();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const end = await this.talkOnce();
      if (end.how === 'stopped') return;
      this.comesBack = end.how === 'restarting';
      if (end.how === 'failed') this.tally.failed('socket', end.cause, end.reason);
      await pause(end.how === 'failed' ? AGAIN_AFTER_FAILURE_MS : AGAIN_MS, undefined, { signal }).catch(
        () => undefined,
      );
    }
  }

  private talkOnce(): Promise<End> {
    return new Promise((resolve) => {
      const { signal } = this.stopping;
      const socket = new WebSocket(this.url, {
        perMessageDeflate: false,
        handshakeTimeout: ANSWER_MS,
        headers: this.headers,
      });
      let failure: Extract<End, { how: 'failed' }> | null = null;
      const fail = (cause: FailureCause, reason: string) => {
        failure ??= { how: 'failed', cause, reason };
        socket.terminate();
      };
      let sentAtMs = 0;
      let next: NodeJS.Timeout | undefined;
      let late: NodeJS.Timeout | undefined;
      const stop = () => {
        clearTimeout(next);
        clearTimeout(late);
        late = setTimeout(() => socket.terminate(), CLOSE_MS);
        socket.close(1000);
      };
      signal.addEventListener('abort', stop, { once: true });
      const say = () => {
        sentAtMs = nowMs();
        this.tally.sent('socket');
        this.isAwaited = true;
        socket.send(String(this.number));
        late = setTimeout(() => fail('late', `message ${this.number} had no echo in ${ANSWER_MS} ms`), ANSWER_MS);
      };
      socket.once('open', () => {
        if (this.comesBack) this.tally.reconnects.socket += 1;
        this.comesBack = false;
        if (!signal.aborted) say();
      });
      socket.on('message', (data: Buffer) => {
        const [deployment, number] = data.toString().split(' ') as [string, string];
        if (!this.isAwaited || Number(number) !== this.number)
          return fail('wrong', `message ${this.number} was answered with ${data.toString().slice(0, 80)}`);
        clearTimeout(late);
        const disorder = this.order.answered(deployment);
        if (disorder === null) this.tally.answered('socket', deployment, sentAtMs, nowMs() - sentAtMs);
        else this.tally.failed('socket', 'order', disorder, deployment);
        this.number += 1;
        this.isAwaited = false;
        if (!signal.aborted) next = setTimeout(say, EVERY_MS);
      });
      socket.once('unexpected-response', (_, response) => {
        response.resume();
        this.tally.status('socket', response.statusCode!);
        fail('status', `status ${response.statusCode}`);
      });
      socket.on('error', (error: NodeJS.ErrnoException) =>
        fail('transport', `${error.code ?? error.name} ${error.message}`),
      );
      socket.once('close', (code: number) => {
        clearTimeout(next);
        clearTimeout(late);
        signal.removeEventListener('abort', stop);
        if (signal.aborted) return resolve({ how: 'stopped' });
        if (this.isAwaited && code === SERVICE_RESTARTS) this.tally.resentMessages += 1;
        this.isAwaited = false;
        if (failure !== null) resolve(failure);
        else if (code === SERVICE_RESTARTS) resolve({ how: 'restarting' });
        else resolve({ how: 'failed', cause: 'transport', reason: `closed with ${code}` });
      });
    });
  }
}
