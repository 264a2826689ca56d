/** Reads the outbox as a log: every committed event once, in an order that never changes. */
import type { CloudEvent, EventPage } from '@switchyard/contracts/event';
import { refuse, Refusal, requestErrors } from '../errors.ts';
import type { Database } from '../postgres/database.ts';
import { OUTBOX_CHANNEL } from './outbox.ts';

export interface ReadEvents {
  /** Cursor of the last event that was read; '' from the beginning. */
  readonly after: string;
  /** Events at most. */
  readonly limit: number;
  /** How long to wait for an event when there is none; 0 not at all. */
  readonly waitMs: number;
  /** Ends the wait early; the page is then empty. */
  readonly signal?: AbortSignal;
}

interface Row {
  readonly tx: string;
  readonly id: string;
  readonly isVisible: boolean;
  readonly event_id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly sequence: number;
  readonly time: Date;
  readonly traceparent: string | null;
  readonly data: CloudEvent['data'];
}

/** A notification may be missed while its connection is made again. */
const POLL_MS = 2_000;
/** While another transaction holds committed events back, nothing tells when it ends. */
const HELD_FIRST_MS = 5;
const HELD_MAX_MS = 100;
const BEGINNING = '0-0';

/** Any number of readers share one LISTEN connection, made with the first wait. */
export class EventLog {
  private readonly db: Database;
  private readonly wakers = new Set<() => void>();
  private notified = 0;
  private listening: Promise<() => Promise<void>> | null = null;

  constructor(db: Database) {
    this.db = db;
  }

  /**
   * The events after a cursor, in order; each has the cursor that stands for it, and the page the last one's.
   *
   * @returns a refusal (REQUEST_CURSOR_INVALID) for a cursor that this log never issued
   */
  async read(options: ReadEvents): Promise<EventPage | Refusal> {
    const after = positionOf(options.after);
    if (after === null) return neverIssued();
    const deadline = performance.now() + options.waitMs;
    if (options.waitMs > 0) await this.listen();
    let isKnown = options.after === '';
    for (let heldMs = HELD_FIRST_MS; ;) {
      const notified = this.notified;
      const rows = await this.rowsAfter(after, options.limit);
      isKnown ||= rows.length > 0 || (await this.isIssued(after));
      if (!isKnown) return neverIssued();
      const visible = rows.filter((row) => row.isVisible); // a prefix: the order begins with tx
      const leftMs = deadline - performance.now();
      if (visible.length > 0 || leftMs <= 0 || options.signal?.aborted === true) return pageOf(visible, options.after);
      const isHeld = rows.length > 0;
      if (this.notified === notified || isHeld)
        await this.woken(Math.min(leftMs, isHeld ? heldMs : POLL_MS), isHeld, options.signal);
      heldMs = isHeld ? Math.min(heldMs * 2, HELD_MAX_MS) : HELD_FIRST_MS;
    }
  }

  /** Stops listening, and ends every wait. */
  async close(): Promise<void> {
    const stop = await this.listening?.catch(() => null);
    await stop?.();
    this.wake();
  }

  private rowsAfter(after: Position, limit: number): Promise<Row[]> {
    // ordered by the columns: a bare `tx` would be the text of that name, by which 10 comes before 9
    return this.db.query<Row>({
      name: 'read-events',
      text: `SELECT tx::text AS tx, id::text AS id, tx < pg_snapshot_xmin(pg_current_snapshot()) AS "isVisible",
          event_id, source, type, subject, sequence, time, traceparent, data
        FROM event_outbox WHERE (tx, id) > ($1::text::xid8, $2::bigint) ORDER BY event_outbox.tx, event_outbox.id LIMIT $3`,
      values: [after.tx, after.id, limit],
    });
  }

  /** A cursor is only ever issued below the oldest running transaction; one beyond comes from another log, or from a later life of this one. */
  private async isIssued(cursor: Position): Promise<boolean> {
    const [said] = await this.db.query<{ isIssued: boolean }>(
      'SELECT $1::text::xid8 < pg_snapshot_xmin(pg_current_snapshot()) AS "isIssued"',
      [cursor.tx],
    );
    return said?.isIssued === true;
  }

  private listen(): Promise<() => Promise<void>> {
    this.listening ??= this.db.listen(OUTBOX_CHANNEL, () => this.wake());
    return this.listening;
  }

  private wake(): void {
    this.notified++;
    for (const waker of this.wakers) waker();
  }

  /** Resolves after `waitMs`, or by a notification (which says nothing about events that are held back), or by the signal. */
  private async woken(waitMs: number, isHeld: boolean, signal: AbortSignal | undefined): Promise<void> {
    const woken = Promise.withResolvers<void>();
    const wake = () => woken.resolve();
    const timer = setTimeout(wake, waitMs);
    if (!isHeld) this.wakers.add(wake);
    signal?.addEventListener('abort', wake, { once: true });
    await woken.promise;
    signal?.removeEventListener('abort', wake);
    clearTimeout(timer);
    this.wakers.delete(wake);
  }
}

interface Position {
  readonly tx: string;
  readonly id: string;
}

/** `{tx}-{id}`, both unsigned 64 bit. */
function positionOf(cursor: string): Position | null {
  const parts = /^(0|[1-9]\d{0,18})-(0|[1-9]\d{0,17})$/.exec(cursor === '' ? BEGINNING : cursor);
  return parts === null ? null : { tx: parts[1]!, id: parts[2]! };
}

const neverIssued = (): Refusal =>
  refuse(requestErrors.CURSOR_INVALID, {
    detail: 'Give the cursor of an event that was read from this log, unchanged, or none to begin at the beginning',
    faults: [{ at: 'query.after', message: 'was not issued by this log' }],
  });

const pageOf = (rows: readonly Row[], after: string): EventPage => {
  const events = rows.map(eventOf);
  return { events, cursor: events.at(-1)?.cursor ?? after };
};

const eventOf = (row: Row): EventPage['events'][number] => ({
  specversion: '1.0',
  id: row.event_id,
  source: row.source,
  type: row.type,
  subject: row.subject,
  sequence: row.sequence,
  time: row.time.toISOString(),
  datacontenttype: 'application/json',
  ...(row.traceparent === null ? {} : { traceparent: row.traceparent }),
  data: row.data,
  cursor: `${row.tx}-${row.id}`,
});
