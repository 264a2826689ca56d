/** What the inbox knows of some subjects, for the length of one transaction. */
import type { CloudEvent } from '@switchyard/contracts/event';
import type { Transaction } from '../postgres/database.ts';

interface Known {
  applied: number;
  isChanged: boolean;
  readonly dead: Set<number>;
  readonly parked: Set<number>;
}

const ERROR_MAX = 2_000;

export class InboxState {
  private readonly known = new Map<string, Known>();
  private readonly producer: string;

  private constructor(producer: string) {
    this.producer = producer;
  }

  static async load(tx: Transaction, producer: string, subjects: ReadonlySet<string>): Promise<InboxState> {
    const state = new InboxState(producer);
    if (subjects.size === 0) return state;
    const rows = await tx.query<{ kind: 'applied' | 'dead' | 'parked'; subject: string; sequence: number }>({
      name: 'load-inbox',
      text: `SELECT 'applied' AS kind, subject, sequence FROM event_inbox WHERE producer = $1 AND subject = ANY($2)
        UNION ALL SELECT 'dead', subject, sequence FROM event_dead_letter WHERE producer = $1 AND subject = ANY($2)
        UNION ALL SELECT 'parked', subject, sequence FROM event_parked WHERE producer = $1 AND subject = ANY($2)`,
      values: [producer, [...subjects]],
    });
    for (const { kind, subject, sequence } of rows) {
      const known = state.of(subject);
      if (kind === 'applied') known.applied = sequence;
      else known[kind].add(sequence);
    }
    return state;
  }

  /** Whether it was applied, is parked or is a dead letter: it came before. */
  isKnown({ subject, sequence }: CloudEvent): boolean {
    const known = this.of(subject);
    return sequence <= known.applied || known.dead.has(sequence) || known.parked.has(sequence);
  }

  /** Whether an earlier event of its subject has not been applied. */
  isEarly({ subject, sequence }: CloudEvent): boolean {
    return sequence > this.of(subject).applied + 1;
  }

  applied({ subject, sequence }: CloudEvent): void {
    const known = this.of(subject);
    known.applied = sequence;
    known.isChanged = true;
  }

  async park(tx: Transaction, event: CloudEvent): Promise<void> {
    this.of(event.subject).parked.add(event.sequence);
    await tx.query(
      'INSERT INTO event_parked (producer, subject, sequence, event) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
      [this.producer, event.subject, event.sequence, JSON.stringify(event)],
    );
  }

  /** Takes the parked event whose turn it is; null when none is. What was applied meanwhile is dropped. */
  async nextParked(tx: Transaction, subject: string): Promise<CloudEvent | null> {
    const known = this.of(subject);
    const stale = [...known.parked].filter((sequence) => sequence <= known.applied);
    const next = known.applied + 1;
    const taken = known.parked.has(next) ? [...stale, next] : stale;
    if (taken.length === 0) return null;
    for (const sequence of taken) known.parked.delete(sequence);
    const rows = await tx.query<{ sequence: number; event: CloudEvent }>(
      'DELETE FROM event_parked WHERE producer = $1 AND subject = $2 AND sequence = ANY($3) RETURNING sequence, event',
      [this.producer, subject, taken],
    );
    return rows.find((row) => row.sequence === next)?.event ?? null;
  }

  /** A dead letter; later events of its subject find themselves early from now on. */
  async bury(tx: Transaction, event: CloudEvent, error: unknown, attempts: number): Promise<void> {
    this.of(event.subject).dead.add(event.sequence);
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    await tx.query(
      `INSERT INTO event_dead_letter (producer, subject, sequence, event, error, attempts) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (producer, subject, sequence) DO UPDATE SET error = $5, attempts = $6, died_at = now()`,
      [
        this.producer,
        event.subject,
        event.sequence,
        JSON.stringify(event),
        reason.replaceAll('\u0000', '').slice(0, ERROR_MAX),
        attempts,
      ],
    );
  }

  async store(tx: Transaction): Promise<void> {
    const changed = [...this.known].filter(([, known]) => known.isChanged);
    if (changed.length === 0) return;
    await tx.query({
      name: 'store-inbox',
      text: `INSERT INTO event_inbox (producer, subject, sequence)
        SELECT $1, subject, sequence FROM unnest($2::text[], $3::bigint[]) AS applied (subject, sequence)
        ON CONFLICT (producer, subject) DO UPDATE SET sequence = excluded.sequence`,
      values: [this.producer, changed.map(([subject]) => subject), changed.map(([, known]) => known.applied)],
    });
  }

  private of(subject: string): Known {
    let known = this.known.get(subject);
    if (known === undefined) {
      known = { applied: 0, isChanged: false, dead: new Set(), parked: new Set() };
      this.known.set(subject, known);
    }
    return known;
  }
}
