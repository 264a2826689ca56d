/** The open feed streams of this instance: who listens, what they have, and how new posts get to them. */
import type { Clock } from '@switchyard/kit/clock';
import { refuse, requestErrors } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Logger } from '@switchyard/kit/log';
import { metricOnce } from '@switchyard/kit/metrics';
import type { Registry } from '@switchyard/kit/metrics';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { Gauge } from 'prom-client';
import { feedsErrors } from '../domain/errors.ts';
import { encodeStreamCursor } from '../domain/stream-cursor.ts';
import type { StreamCursor } from '../domain/stream-cursor.ts';
import { arrivalsOf, readersOf } from '../store/arrivals.ts';
import type { Arrivals } from '../store/arrivals.ts';

/** Where a stream is written to. */
export interface StreamSink {
  /** false when the client must read before it gets more; `drained()` is called then. */
  write(text: string): boolean;
  /** Ends it in peace; the client comes back. */
  end(): void;
  /** Cuts it. */
  destroy(): void;
}

export interface OpenStream {
  /** The client has read what was written. */
  drained(): void;
  /** The client has gone. */
  closed(): void;
}

interface Stream {
  readonly viewerId: string;
  readonly sink: StreamSink;
  /** Transaction below which the client has everything; null for one that begins now, before its first look. */
  since: string | null;
  isNew: boolean;
  /** Posts put in by transactions from `since` on that the client has already. */
  sent: ReadonlySet<string>;
  readonly openedMs: number;
  /** null while the client keeps up. */
  blockedSinceMs: number | null;
}

const STREAMS_PER_PERSON = 20;
const STREAMS_PER_INSTANCE = 5_000;
/** Streams asked for in one statement. */
const BATCH = 50;
const HEARTBEAT_MS = 15_000;
/** A client that has not read for this long is cut off. */
const STUCK_MS = 30_000;
/** Then a stream ends and its client comes back with a new identity: who was signed out meanwhile does not. As long as an access token lives. */
const LIFE_MS = 600_000;
const FAILED_PAUSE_MS = 1_000;
/** What the client is told to wait before it comes back: from so long to twice as long, so that those who were sent away together do not come back together. */
const RETRY_MS = 300;

export class FeedStreams {
  private readonly streams = new Map<string, Set<Stream>>();
  private count = 0;
  private readonly stale = new Set<Stream>();
  private authors: 'all' | Set<string> = new Set();
  private delivering: Promise<void> | null = null;
  private isDraining = false;
  private stopHeartbeat: () => void = () => {};
  private readonly db: Queryable;
  private readonly clock: Clock;
  private readonly log: Logger;
  /** 0 to 1. */
  private readonly random: () => number;

  constructor(db: Queryable, clock: Clock, log: Logger, metrics: Registry, random: () => number = Math.random) {
    this.random = random;
    this.db = db;
    this.clock = clock;
    this.log = log;
    metricOnce(
      metrics,
      'feeds_streams_open',
      (name) =>
        new Gauge({
          name,
          help: 'Feed streams that are open',
          registers: [metrics],
          collect: function collect(this: Gauge) {
            this.set(count());
          },
        }),
    );
    const count = () => this.count;
    this.beatLater();
  }

  /** Begins a stream: every post that came after `last`, or else an id to resume from; then posts as they come. */
  open(viewerId: string, last: StreamCursor | undefined, sink: StreamSink): OpenStream | Refusal {
    if (this.isDraining) return refuse(requestErrors.UNAVAILABLE, { retryAfterSeconds: 1 });
    const own = this.streams.get(viewerId) ?? new Set();
    if (own.size >= STREAMS_PER_PERSON || this.count >= STREAMS_PER_INSTANCE)
      return refuse(feedsErrors.TOO_MANY_STREAMS, {
        detail: `At most ${STREAMS_PER_PERSON} for one person; close one`,
        retryAfterSeconds: 10,
      });
    const stream: Stream = {
      viewerId,
      sink,
      since: last?.since ?? null,
      isNew: true,
      sent: new Set(last?.beyond),
      openedMs: this.clock.nowMs(),
      blockedSinceMs: null,
    };
    this.streams.set(viewerId, own.add(stream));
    this.count += 1;
    sink.write(`retry: ${Math.round(RETRY_MS * (1 + this.random()))}\n\n`);
    this.look([stream]);
    return {
      drained: () => {
        stream.blockedSinceMs = null;
        this.look([stream]);
      },
      closed: () => this.remove(stream),
    };
  }

  /** New posts of these authors stand in timelines. */
  newPosts(authorIds: 'all' | readonly string[]): void {
    if (this.count === 0) return;
    if (authorIds === 'all') this.authors = 'all';
    else if (this.authors !== 'all') for (const id of authorIds) this.authors.add(id);
    this.deliver();
  }

  /** Ends every stream, spread over `spreadMs`, so that their clients do not all come back in the same moment. */
  async drain(spreadMs: number): Promise<void> {
    this.isDraining = true;
    this.stopHeartbeat();
    const streams = this.all();
    await Promise.all(
      streams.map(
        (stream, place) =>
          new Promise<void>((resolve) => {
            this.clock.after((spreadMs * place) / streams.length, () => {
              stream.sink.end();
              resolve();
            });
          }),
      ),
    );
    await this.delivering;
  }

  private all(): Stream[] {
    return [...this.streams.values()].flatMap((own) => [...own]);
  }

  private remove(stream: Stream): void {
    const own = this.streams.get(stream.viewerId);
    if (own?.delete(stream) !== true) return;
    if (own.size === 0) this.streams.delete(stream.viewerId);
    this.count -= 1;
    this.stale.delete(stream);
  }

  private look(streams: Iterable<Stream>): void {
    for (const stream of streams) this.stale.add(stream);
    this.deliver();
  }

  private deliver(): void {
    this.delivering ??= this.deliverAll().finally(() => {
      this.delivering = null;
      if (this.hasWork()) this.deliver();
    });
  }

  private hasWork(): boolean {
    return this.authors === 'all' || this.authors.size > 0 || this.stale.size > 0;
  }

  private async deliverAll(): Promise<void> {
    while (this.hasWork()) {
      try {
        await this.findReaders();
        const batch = [...this.stale].slice(0, BATCH);
        for (const stream of batch) this.stale.delete(stream);
        const ready = batch.filter((stream) => stream.blockedSinceMs === null); // a blocked one looks again when drained
        if (ready.length > 0) await this.deliverTo(ready);
      } catch (error) {
        this.log.warn({ err: error }, 'feed streams wait for the database');
        await new Promise<void>((resolve) => this.clock.after(FAILED_PAUSE_MS, resolve));
      }
    }
  }

  private async findReaders(): Promise<void> {
    const { authors } = this;
    if (authors !== 'all' && authors.size === 0) return;
    this.authors = new Set();
    if (authors === 'all') {
      for (const stream of this.all()) this.stale.add(stream);
      return;
    }
    try {
      for (const reader of await readersOf(this.db, [...authors]))
        for (const stream of this.streams.get(reader) ?? []) this.stale.add(stream);
    } catch (error) {
      this.newPosts([...authors]);
      throw error;
    }
  }

  private async deliverTo(streams: readonly Stream[]): Promise<void> {
    const looks = await arrivalsOf(this.db, streams).catch((error: unknown) => {
      for (const stream of streams) if (this.isOpen(stream)) this.stale.add(stream);
      throw error;
    });
    streams.forEach((stream, place) => {
      if (this.isOpen(stream)) this.send(stream, looks[place]!);
    });
  }

  private isOpen(stream: Stream): boolean {
    return this.streams.get(stream.viewerId)?.has(stream) ?? false;
  }

  /** Only the last event of a look carries its horizon: a client that loses the connection before it asks for all of them again. */
  private send(stream: Stream, { posts, horizon }: Arrivals): void {
    const fresh = posts.filter((post) => !stream.sent.has(post.id));
    const beyond = posts.filter((post) => post.isBeyond).map((post) => post.id);
    const whole = encodeStreamCursor({ since: horizon, beyond });
    const begun = encodeStreamCursor({ since: stream.since ?? horizon, beyond: [] });
    let text = '';
    fresh.forEach((post, place) => {
      text += `event: post\nid: ${place === fresh.length - 1 ? whole : begun}\ndata: ${post.json}\n\n`;
    });
    if (stream.isNew && fresh.length === 0) text += `id: ${whole}\n\n`;
    stream.isNew = false;
    stream.since = horizon;
    stream.sent = new Set(posts.map((post) => post.id));
    if (text !== '' && !stream.sink.write(text)) stream.blockedSinceMs = this.clock.nowMs();
  }

  private beatLater(): void {
    this.stopHeartbeat = this.clock.after(HEARTBEAT_MS, () => {
      for (const stream of this.all()) this.beat(stream);
      if (!this.isDraining) this.beatLater();
    });
  }

  /** Shows both ends that the other is there; looks for new posts too, in case a notification was lost. */
  private beat(stream: Stream): void {
    if (stream.blockedSinceMs !== null) {
      if (this.clock.nowMs() - stream.blockedSinceMs >= STUCK_MS) {
        stream.sink.destroy();
        this.remove(stream);
      }
      return;
    }
    if (this.clock.nowMs() - stream.openedMs >= LIFE_MS) return stream.sink.end();
    if (!stream.sink.write(': still here\n\n')) stream.blockedSinceMs = this.clock.nowMs();
    else this.look([stream]);
  }
}
