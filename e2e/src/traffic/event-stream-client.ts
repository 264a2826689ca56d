/** An event stream that counts, and that is opened again where it ended, as a browser does it; only a clean end is a good end. */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { DeploymentOrder } from './deployment-order.ts';
import type { OrderRule } from './deployment-order.ts';
import { nowMs } from './tally.ts';
import type { FailureCause, Tally } from './tally.ts';

const EVERY_MS = 100;
const SILENCE_MS = 5_000;
/** Before it connects again, so that a refusal is not asked for in a loop. */
const AGAIN_MS = 50;
const AGAIN_AFTER_FAILURE_MS = 500;
/** Streams that end cleanly before their first event, one after the other. */
const EMPTY_MAX = 3;

type End =
  | { readonly how: 'clean' | 'stopped' }
  | { readonly how: 'failed'; readonly cause: FailureCause; readonly reason: string };

export class EventStreamClient {
  /** Resolves when it has been stopped. */
  readonly ended: Promise<void>;
  private readonly url: URL;
  private readonly headers: Readonly<Record<string, string>>;
  private readonly tally: Tally;
  private readonly order: DeploymentOrder;
  private readonly stopping = new AbortController();
  private last = 0;
  private deployment: string | null = null;
  private emptyInARow = 0;
  /** When it began to wait for its next event. */
  private waitsSinceMs = nowMs();

  constructor(url: URL, headers: Readonly<Record<string, string>>, rule: OrderRule, tally: Tally) {
    this.url = new URL(url);
    this.url.searchParams.set('everyMs', String(EVERY_MS));
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
      const eventsBefore = this.last;
      const end = await this.readOnce();
      if (end.how === 'stopped') return;
      this.emptyInARow = end.how === 'clean' && this.last === eventsBefore ? this.emptyInARow + 1 : 0;
      if (end.how === 'failed') this.tally.failed('stream', end.cause, end.reason, this.deployment);
      else if (this.emptyInARow >= EMPTY_MAX)
        this.tally.failed('stream', 'wrong', `ended ${EMPTY_MAX} times without an event`, this.deployment);
      else this.tally.reconnects.stream += 1;
      const againMs = end.how === 'failed' ? AGAIN_AFTER_FAILURE_MS : AGAIN_MS;
      this.waitsSinceMs = nowMs() + againMs;
      await pause(againMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private readOnce(): Promise<End> {
    return new Promise((resolve) => {
      const { signal } = this.stopping;
      const settle = (end: End) => {
        clearTimeout(silence);
        resolve(signal.aborted ? { how: 'stopped' } : end);
        sent.destroy();
      };
      const fail = (cause: FailureCause, reason: string) => settle({ how: 'failed', cause, reason });
      const broken = (error: NodeJS.ErrnoException) =>
        fail('transport', `${error.code ?? error.name} ${error.message}`);
      const silence = setTimeout(() => fail('late', `silent for ${SILENCE_MS} ms`), SILENCE_MS);
      const sent = request(this.url, {
        agent: false,
        signal,
        headers: {
          ...this.headers,
          accept: 'text/event-stream',
          ...(this.last === 0 ? {} : { 'last-event-id': String(this.last) }),
        },
      });
      sent.on('error', broken);
      sent.once('response', (response: IncomingMessage) => {
        this.tally.status('stream', response.statusCode!);
        response.on('error', broken);
        if (response.statusCode !== 200) return fail('status', `status ${response.statusCode}`);
        this.deployment = (response.headers['x-deployment'] as string | undefined) ?? null;
        const disorder = this.deployment === null ? null : this.order.answered(this.deployment);
        if (disorder !== null) this.tally.failed('stream', 'order', disorder, this.deployment);
        let unfinished = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          silence.refresh();
          const blocks = (unfinished + chunk).split('\n\n');
          unfinished = blocks.pop()!;
          for (const block of blocks) this.take(block);
        });
        response.once('end', () => {
          if (!response.complete) fail('transport', 'the stream ended without its last chunk');
          else if (unfinished !== '') fail('transport', 'the stream ended within an event');
          else settle({ how: 'clean' });
        });
      });
      sent.end();
    });
  }

  private take(block: string): void {
    const id = /^id: (\d+)$/m.exec(block)?.[1];
    // Comments keep a connection open and say nothing.
    if (id === undefined) return;
    const now = nowMs();
    this.tally.sent('stream');
    if (Number(id) === this.last + 1)
      this.tally.answered('stream', this.deployment ?? '', this.waitsSinceMs, Math.max(0, now - this.waitsSinceMs));
    else this.tally.failed('stream', 'wrong', `event ${id} came after event ${this.last}`, this.deployment);
    this.last = Number(id);
    this.waitsSinceMs = now;
  }
}
