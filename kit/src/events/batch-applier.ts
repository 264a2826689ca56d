/** Applies one batch of events in one transaction: what came before is skipped, what is early is parked, what cannot be applied becomes a dead letter. */
import { setTimeout as pause } from 'node:timers/promises';
import type { CloudEvent, EventContract, EventContracts } from '@switchyard/contracts/event';
import type { z } from 'zod';
import type { Logger } from '../log.ts';
import { isConnectionLost, isStalePlan } from '../postgres/connection-errors.ts';
import type { Queryable, Session, Transaction } from '../postgres/database.ts';
import { enterTrace, runInTrace } from '../trace.ts';
import type { ConsumerMetrics, Outcome } from './consumer-metrics.ts';
import type { EventBatch } from './event-transport.ts';
import { InboxState } from './inbox-state.ts';

/** An event whose data keep its contract; null once they were erased with their account. */
export type ConsumedEvent<C extends EventContracts> = {
  [K in keyof C]: {
    readonly type: C[K]['type'];
    readonly id: string;
    readonly subject: string;
    readonly sequence: number;
    /** ISO 8601. */
    readonly time: string;
    readonly data: z.output<C[K]['data']> | null;
  };
}[keyof C];

export type Apply<C extends EventContracts> = (tx: Transaction, event: ConsumedEvent<C>) => Promise<void>;

export interface BatchApplierOptions<C extends EventContracts> {
  readonly producer: string;
  readonly contracts: C;
  readonly apply: Apply<C>;
  readonly log: Logger;
  readonly metrics: ConsumerMetrics;
  readonly retryPausesMs?: readonly number[];
}

const RETRY_PAUSES_MS = [100, 400, 1_600];
const REPLAYED_AT_ONCE = 100;

/** What one pass over a batch did; counted only once it is committed. */
class Pass {
  readonly applied: CloudEvent[] = [];
  readonly outcomes = new Map<Outcome, number>();
  /** Subjects with an event that failed and is to be tried again. */
  readonly failing = new Set<string>();
  count(outcome: Outcome): void {
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }
}

export class BatchApplier<C extends EventContracts> {
  private readonly options: BatchApplierOptions<C>;
  private readonly contracts: ReadonlyMap<string, EventContract>;
  private readonly retryPausesMs: readonly number[];
  /** Failed attempts of events under way, by subject and sequence; empty between batches. */
  private readonly failures = new Map<string, number>();
  /** Where the stored cursor has to be, else somebody else has moved it. */
  private expected = '';
  private hasWaiting = false;

  constructor(options: BatchApplierOptions<C>) {
    this.options = options;
    this.contracts = new Map(Object.values(options.contracts).map((contract) => [contract.type, contract]));
    this.retryPausesMs = options.retryPausesMs ?? RETRY_PAUSES_MS;
  }

  /** The stored cursor, '' before the first event; from here on it may be moved by this applier alone. */
  async cursor(session: Session): Promise<string> {
    const { producer } = this.options;
    await session.query(`INSERT INTO event_cursor (producer, cursor) VALUES ($1, '') ON CONFLICT DO NOTHING`, [
      producer,
    ]);
    const [row] = await session.query<{ cursor: string }>('SELECT cursor FROM event_cursor WHERE producer = $1', [
      producer,
    ]);
    this.expected = row!.cursor;
    await this.measureWaiting(session);
    return this.expected;
  }

  /**
   * Returns when every event of the batch is applied, parked or dead, and the cursor stored.
   *
   * @throws when the connection is lost, the signal aborted, or the cursor moved by another; what is committed by then stays
   */
  async apply(session: Session, batch: EventBatch, signal: AbortSignal): Promise<void> {
    const subjects = new Set(batch.events.map((event) => event.subject));
    const oldest = batch.events.reduce((least, { time }) => (time < least ? time : least), batch.events[0]?.time ?? '');
    this.options.metrics.behind(oldest === '' ? null : new Date(oldest));
    await this.passes(session, batch, subjects, signal);
    this.options.metrics.behind(null);
  }

  /** Whether somebody else has moved the cursor since it was last stored or read here. */
  async cursorWasMoved(session: Session): Promise<boolean> {
    const [row] = await session.query<{ cursor: string }>('SELECT cursor FROM event_cursor WHERE producer = $1', [
      this.options.producer,
    ]);
    return row?.cursor !== this.expected;
  }

  /** Applies what is parked and no longer early: after a replay, or when a term begins. */
  async releaseParked(session: Session, signal: AbortSignal): Promise<void> {
    for (;;) {
      const rows = await session.query<{ subject: string }>(
        `SELECT subject FROM event_parked LEFT JOIN event_inbox USING (producer, subject)
         WHERE producer = $1 AND event_parked.sequence <= coalesce(event_inbox.sequence, 0) + 1 LIMIT $2`,
        [this.options.producer, REPLAYED_AT_ONCE],
      );
      if (rows.length === 0) return;
      const batch = { events: [], cursor: this.expected };
      await this.passes(session, batch, new Set(rows.map((row) => row.subject)), signal);
    }
  }

  /** The first pass has no savepoints; only a batch in which something fails pays for them. */
  private async passes(
    session: Session,
    batch: EventBatch,
    subjects: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    this.failures.clear();
    for (let attempt = 0; ; attempt++) {
      signal.throwIfAborted();
      const pass = new Pass();
      try {
        await session.transaction((tx) => this.pass(tx, batch, subjects, pass, attempt > 0));
      } catch (error) {
        if (attempt > 0 || isOfTheConnection(error) || error instanceof CursorMoved) throw error;
        continue; // the next pass finds out by savepoints which event it was
      }
      if (pass.failing.size === 0) this.expected = batch.cursor;
      await this.report(session, pass);
      if (pass.failing.size === 0) return;
      await pause(this.retryPausesMs[Math.min(attempt - 1, this.retryPausesMs.length - 1)] ?? 0, undefined, { signal });
    }
  }

  private async pass(
    tx: Transaction,
    batch: EventBatch,
    subjects: ReadonlySet<string>,
    pass: Pass,
    isCareful: boolean,
  ): Promise<void> {
    const { producer } = this.options;
    await this.lockCursor(tx);
    const inbox = await InboxState.load(tx, producer, subjects);
    for (const event of batch.events) {
      if (pass.failing.has(event.subject)) continue;
      if (inbox.isKnown(event)) pass.count('duplicate');
      else if (inbox.isEarly(event)) {
        await inbox.park(tx, event);
        pass.count('parked');
      } else await this.attempt(tx, inbox, event, pass, isCareful);
    }
    for (const subject of subjects) {
      for (;;) {
        const event = pass.failing.has(subject) ? null : await inbox.nextParked(tx, subject);
        if (event === null) break;
        await this.attempt(tx, inbox, event, pass, isCareful);
        if (pass.failing.has(subject)) await inbox.park(tx, event); // back to where it was, until it is tried again
      }
    }
    await inbox.store(tx);
    if (pass.failing.size === 0 && batch.cursor !== this.expected)
      await tx.query('UPDATE event_cursor SET cursor = $2, updated_at = now() WHERE producer = $1', [
        producer,
        batch.cursor,
      ]);
  }

  private async lockCursor(tx: Transaction): Promise<void> {
    const [row] = await tx.query<{ cursor: string }>('SELECT cursor FROM event_cursor WHERE producer = $1 FOR UPDATE', [
      this.options.producer,
    ]);
    if (row?.cursor !== this.expected) throw new CursorMoved(this.expected, row?.cursor);
  }

  /** Applies the next event of its subject; a failure leaves the subject where it was, or makes a dead letter of it. */
  private async attempt(
    tx: Transaction,
    inbox: InboxState,
    event: CloudEvent,
    pass: Pass,
    isCareful: boolean,
  ): Promise<void> {
    const key = `${event.sequence} ${event.subject}`;
    try {
      const outcome = isCareful ? await tx.savepoint(() => this.applyOne(tx, event)) : await this.applyOne(tx, event);
      inbox.applied(event);
      pass.count(outcome);
      pass.applied.push(event);
    } catch (error) {
      if (!isCareful || isOfTheConnection(error)) throw error;
      const attempts = (this.failures.get(key) ?? 0) + 1;
      this.failures.set(key, attempts);
      const isLast = attempts > this.retryPausesMs.length || error instanceof BrokenContract;
      this.options.log[isLast ? 'error' : 'warn'](
        { err: error, event: event.id, type: event.type, subject: event.subject, sequence: event.sequence, attempts },
        isLast
          ? 'an event could not be applied and is now a dead letter'
          : 'an event could not be applied; trying again',
      );
      if (isLast) {
        await inbox.bury(tx, event, error, attempts);
        pass.count('dead');
      } else pass.failing.add(event.subject);
    }
  }

  private async applyOne(tx: Transaction, event: CloudEvent): Promise<Outcome> {
    const contract = this.contracts.get(event.type);
    if (contract === undefined) return 'unknown';
    const consumed = {
      type: event.type,
      id: event.id,
      subject: event.subject,
      sequence: event.sequence,
      time: event.time,
      data: event.data === null ? null : dataOf(contract, event),
    };
    await runInTrace(enterTrace(event.traceparent), () => this.options.apply(tx, consumed as ConsumedEvent<C>));
    return 'applied';
  }

  private async report(session: Session, pass: Pass): Promise<void> {
    const { metrics } = this.options;
    for (const [outcome, times] of pass.outcomes) metrics.count(outcome, times);
    for (const event of pass.applied) metrics.delivered(event);
    if (pass.outcomes.has('parked') || pass.outcomes.has('dead') || this.hasWaiting) await this.measureWaiting(session);
  }

  private async measureWaiting(session: Queryable): Promise<void> {
    const [now] = await session.query<{ parked: number; dead: number }>(
      `SELECT (SELECT count(*) FROM event_parked WHERE producer = $1) AS parked,
              (SELECT count(*) FROM event_dead_letter WHERE producer = $1) AS dead`,
      [this.options.producer],
    );
    this.hasWaiting = now!.parked + now!.dead > 0;
    this.options.metrics.waiting(now!);
  }
}

/** Not the event's fault: the term as active consumer ends, and the next one has a new connection. */
const isOfTheConnection = (error: unknown): boolean => isConnectionLost(error) || isStalePlan(error);

function dataOf(contract: EventContract, event: CloudEvent): unknown {
  const parsed = contract.data.safeParse(event.data);
  if (!parsed.success) throw new BrokenContract(event, parsed.error);
  return parsed.data;
}

/** Trying again would not mend it. */
class BrokenContract extends Error {
  constructor(event: CloudEvent, cause: unknown) {
    super(`the data of a ${event.type} do not keep its contract`, { cause });
    this.name = 'BrokenContract';
  }
}

class CursorMoved extends Error {
  constructor(expected: string, found: string | undefined) {
    super(`another consumer moved the cursor: expected ${expected}, found ${found ?? 'none'}`);
    this.name = 'CursorMoved';
  }
}
