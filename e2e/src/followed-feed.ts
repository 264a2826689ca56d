/** Follows somebody's `/api/feed/stream` as a browser does it, over as many connections as it takes; only a clean end is a good end. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Post } from '@switchyard/contracts/feeds';

const AGAIN_MS = 50;
const AGAIN_AFTER_FAULT_MS = 500;
const HEAD_TIMEOUT_MS = 10_000;

export class FollowedFeed {
  /** Ids of the posts, as they came. */
  readonly arrived: string[] = [];
  /** What was no clean end and no stream. */
  readonly faults: string[] = [];
  /** Clean ends. */
  reconnects = 0;
  readonly ended: Promise<void>;
  private readonly origin: string;
  private readonly token: string;
  private readonly stopping = new AbortController();
  private readonly first = Promise.withResolvers<void>();
  private lastEventId = '';

  constructor(origin: string, token: string) {
    this.origin = origin;
    this.token = token;
    this.ended = this.run();
  }

  /** When it has an id to come back with: from then on nothing may be missing. */
  get begun(): Promise<void> {
    return this.first.promise;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.ended;
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      let isClean = false;
      try {
        isClean = await this.readOnce();
      } catch (error) {
        if (signal.aborted) return;
        const { message, cause } = error as Error;
        this.faults.push(`${message}${cause instanceof Error ? `: ${cause.message}` : ''}`);
      }
      if (isClean) this.reconnects += 1;
      await pause(isClean ? AGAIN_MS : AGAIN_AFTER_FAULT_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  /** One connection to its end; false when it was no stream. */
  private async readOnce(): Promise<boolean> {
    const { signal } = this.stopping;
    const head = new AbortController();
    const headTimer = setTimeout(() => head.abort(new Error('no head in time')), HEAD_TIMEOUT_MS);
    const response = await fetch(`${this.origin}/api/feed/stream`, {
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'text/event-stream',
        ...(this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId }),
      },
      signal: AbortSignal.any([signal, head.signal]),
    }).finally(() => clearTimeout(headTimer));
    if (response.status !== 200) {
      this.faults.push(`the stream answered ${response.status}: ${await response.text()}`);
      return false;
    }
    let unfinished = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (unfinished + chunk).split('\n\n');
      unfinished = blocks.pop()!;
      for (const block of blocks) this.take(block);
    }
    if (unfinished !== '') this.faults.push('the stream ended within an event');
    return true;
  }

  private take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: ?(.*)$`, 'm').exec(block)?.[1];
    const id = field('id');
    if (id !== undefined) {
      this.lastEventId = id;
      this.first.resolve();
    }
    if (field('event') === 'post') this.arrived.push((JSON.parse(field('data')!) as Post).id);
  }
}
