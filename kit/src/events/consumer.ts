/** Applies a producer's events to this service's database: each once, each subject in its order, whatever is killed meanwhile. */
import { setTimeout as pause } from 'node:timers/promises';
import type { EventContracts } from '@switchyard/contracts/event';
import type { Logger } from '../log.ts';
import type { Registry } from '../metrics.ts';
import type { Database, Session } from '../postgres/database.ts';
import { BatchApplier } from './batch-applier.ts';
import type { Apply } from './batch-applier.ts';
import { consumerMetrics } from './consumer-metrics.ts';
import type { ConsumerMetrics } from './consumer-metrics.ts';
import { REPLAY_CHANNEL } from './dead-letters.ts';
import type { EventBatch, EventTransport } from './event-transport.ts';

export interface EventConsumerOptions<C extends EventContracts> {
  readonly db: Database;
  readonly transport: EventTransport;
  /** Name of the producing service. */
  readonly producer: string;
  /** What is understood; other types count as applied without being looked at, so that a producer may add some. */
  readonly contracts: C;
  /** Changes the projection, by `tx` alone: it may run again after a rollback. */
  readonly apply: Apply<C>;
  readonly log: Logger;
  readonly metrics?: Registry;
  /** Pauses before an event that failed is tried again; after the last one it is a dead letter. Default 100, 400 and 1600 ms. */
  readonly retryPausesMs?: readonly number[];
  /**
   * Whether another is to consume, such as the live deployment where this is not it: two versions beside each other may understand
   * different events. Asked ten times a second; while it is so, this consumer does not become the active one, or ends its term.
   */
  readonly standsBack?: () => boolean;
  /** An active consumer that its database hears nothing of for so long (a stopped process, a dead connection) is so no longer. Default 6 s. */
  readonly silenceMaxMs?: number;
}

/** How often a consumer that is not the active one tries to become it, and each asks whether it is to stand back. */
const STANDBY_POLL_MS = 100;
const SILENCE_MAX_MS = 6_000;
const RESTART_FIRST_MS = 50;
const RESTART_LAST_MS = 2_000;

/**
 * One consumer a database and producer is active: the one that holds an advisory lock, on the connection on which it applies.
 * A lost connection thus ends both at once; another instance, or this one again, goes on from the stored cursor.
 */
export class EventConsumer<C extends EventContracts> {
  private readonly options: EventConsumerOptions<C>;
  private readonly applier: BatchApplier<C>;
  private readonly metrics: ConsumerMetrics;
  private readonly stopper = new AbortController();
  private readonly waiting = new Set<() => void>();
  private running: Promise<void> | null = null;
  private isCaughtUp = false;
  private hasProgressed = false;
  /** Batches and replays take turns. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(options: EventConsumerOptions<C>) {
    this.options = options;
    this.metrics = consumerMetrics(options.metrics, options.producer);
    this.applier = new BatchApplier({ ...options, metrics: this.metrics });
  }

  /** Begins to consume, and goes on until stop(). */
  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when the batch that is being applied has ended and the lock is given back. */
  async stop(): Promise<void> {
    this.stopper.abort(new Error('the consumer was stopped'));
    await this.running;
  }

  /**
   * Resolves once this consumer is the active one and has applied everything that the log held; at once when that is so.
   * Rejects when it is stopped before. Only over transports that say when there is nothing more (the log does).
   */
  async caughtUp(): Promise<void> {
    if (this.isCaughtUp) return;
    const stopped = this.stopper.signal;
    stopped.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const settle = () => {
        stopped.removeEventListener('abort', onStop);
        resolve();
      };
      const onStop = () => {
        this.waiting.delete(settle);
        reject(stopped.reason as Error);
      };
      stopped.addEventListener('abort', onStop, { once: true });
      this.waiting.add(settle);
    });
  }

  private async run(): Promise<void> {
    const { log, producer } = this.options;
    let restartMs = RESTART_FIRST_MS;
    while (!this.stopper.signal.aborted) {
      this.hasProgressed = false;
      if (this.standsBack()) {
        await pause(STANDBY_POLL_MS, undefined, { signal: this.stopper.signal }).catch(() => {});
        continue;
      }
      try {
        await this.lead();
      } catch (error) {
        if (this.stopper.signal.aborted) break;
        log.warn({ err: error, producer }, 'consuming events was interrupted; going on from the stored cursor');
      }
      this.setCaughtUp(false);
      this.metrics.leading(false);
      this.metrics.behind(null);
      if (this.hasProgressed) restartMs = RESTART_FIRST_MS;
      await pause(restartMs, undefined, { signal: this.stopper.signal }).catch(() => {});
      restartMs = Math.min(restartMs * 2, RESTART_LAST_MS);
    }
  }

  /**
   * One term as the active consumer: ends when the connection is lost, when the cursor was moved (forgetEvents), when another is to
   * consume, or when this is stopped. The database ends a connection that is silent, and with it the term: so a process that is stopped
   * or cut off keeps nobody waiting, and finds its lock gone when it comes back.
   */
  private async lead(): Promise<void> {
    const { db, log, producer, transport, silenceMaxMs = SILENCE_MAX_MS } = this.options;
    const session = await db.session({ idleTimeoutMs: silenceMaxMs });
    const term = new AbortController();
    const signal = AbortSignal.any([session.lost, this.stopper.signal, term.signal]);
    let stopListening = (): Promise<void> => Promise.resolve();
    const looking = setInterval(() => {
      if (this.standsBack()) term.abort(new Error('another deployment is to consume'));
    }, STANDBY_POLL_MS);
    const beating = setInterval(() => this.beat(session, signal), silenceMaxMs / 3);
    try {
      if (!(await this.elected(session, signal))) return;
      this.metrics.leading(true);
      log.info({ producer }, 'consuming events');
      const after = await this.applier.cursor(session);
      stopListening = await db.listen(REPLAY_CHANNEL, () => this.replay(session, signal, term));
      await this.inTurn(() => this.applier.releaseParked(session, signal));
      await transport.subscribe({
        producer,
        after,
        signal,
        onEvents: (batch) => this.inTurn(() => this.take(session, batch, signal)),
      });
      if (term.signal.aborted) log.info({ producer }, 'no longer consuming events');
    } finally {
      clearInterval(looking);
      clearInterval(beating);
      await stopListening();
      await this.turn.catch(() => {});
      await session.close();
    }
  }

  private standsBack(): boolean {
    return this.options.standsBack?.() === true;
  }

  /** Between batches: within one the connection is busy anyway. */
  private beat(session: Session, signal: AbortSignal): void {
    this.inTurn(async () => {
      if (!signal.aborted) await session.query('SELECT 1');
    }).catch(() => {}); // the connection is lost, which ends the term
  }

  private replay(session: Session, signal: AbortSignal, term: AbortController): void {
    if (signal.aborted) return;
    this.inTurn(async () => {
      if (await this.applier.cursorWasMoved(session)) term.abort(new Error('the cursor was moved'));
      else await this.applier.releaseParked(session, signal);
    }).catch((error: unknown) => {
      if (!signal.aborted)
        this.options.log.warn({ err: error }, 'could not replay; it is tried again at the next start');
    });
  }

  /** Waits until no other consumer holds the lock; false when stopped before. */
  private async elected(session: Session, signal: AbortSignal): Promise<boolean> {
    while (!signal.aborted) {
      const [row] = await session.query<{ isLeader: boolean }>(
        `SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS "isLeader"`,
        [`switchyard consumer of ${this.options.producer}`],
      );
      if (row?.isLeader === true) return true;
      await pause(STANDBY_POLL_MS * (1 - Math.random() / 4), undefined, { signal }).catch(() => {});
    }
    if (session.lost.aborted) throw session.lost.reason as Error;
    return false;
  }

  private async take(session: Session, batch: EventBatch, signal: AbortSignal): Promise<void> {
    if (batch.events.length > 0) {
      this.setCaughtUp(false);
      await this.applier.apply(session, batch, signal);
      this.hasProgressed = true;
    } else this.setCaughtUp(true);
  }

  private inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.turn.then(work, work);
    this.turn = mine.catch(() => {});
    return mine;
  }

  private setCaughtUp(is: boolean): void {
    this.isCaughtUp = is;
    if (!is) return;
    for (const tell of this.waiting) tell();
    this.waiting.clear();
  }
}

export type { Apply, ConsumedEvent } from './batch-applier.ts';
