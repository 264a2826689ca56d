/** Keeps the last good table through the registry's events, and decides when a table that went backwards is believed. */
import type { Change, ServiceEntry, Table } from '@switchyard/contracts/registry';

/** How long a registry that has forgotten something may stay without the services we route to before we believe it. */
export const REGRESSION_HOLD_MS = 10_000;

export interface TableStep {
  readonly table: Table;
  readonly changedServices: ReadonlySet<string>;
}

/**
 * `take…` return what changed for those who route, or null when nothing did.
 *
 * **A table that goes backwards.** A registry restores its epoch before it answers and publishes nothing while it is recovering, so a
 * table with a lower epoch than ours means that its state was lost (`yard reset`, a deleted folder): it is the truth, but it may be
 * empty for a moment until instances have registered again. Such a table is taken at once when every service that we route to has a
 * live instance in it, else after REGRESSION_HOLD_MS; until then the old one goes on serving.
 */
export class KnownTable {
  private served: Table | null = null;
  /** What the registry says, while that is not yet what we serve. */
  private held: { table: Table; untilMs: number } | null = null;

  get table(): Table | null {
    return this.served;
  }

  /** Since when a lower epoch is being held back; null: not at all. */
  get heldUntilMs(): number | null {
    return this.held?.untilMs ?? null;
  }

  takeTable(table: Table, nowMs: number): TableStep | null {
    const goesBack = this.served !== null && table.epoch < this.served.epoch;
    this.held = goesBack ? { table, untilMs: this.held?.untilMs ?? nowMs + REGRESSION_HOLD_MS } : null;
    return goesBack ? this.takeHeld(nowMs) : this.serve(table);
  }

  /** A change that comes before any table is ignored. */
  takeChange(change: Change, nowMs: number): TableStep | null {
    if (this.held !== null) {
      this.held = { ...this.held, table: applied(this.held.table, change) };
      return this.takeHeld(nowMs);
    }
    return this.served === null ? null : this.serve(applied(this.served, change), Object.keys(change.services));
  }

  /** Serves the held table if its time has come. */
  takeHeld(nowMs: number): TableStep | null {
    if (this.held === null) return null;
    const { table, untilMs } = this.held;
    if (nowMs < untilMs && !serves(table, this.served)) return null;
    this.held = null;
    return this.serve(table);
  }

  private serve(table: Table, names?: readonly string[]): TableStep {
    const before = this.served;
    const candidates = names ?? [...Object.keys(before?.services ?? {}), ...Object.keys(table.services)];
    const changedServices = new Set(
      candidates.filter((name) => JSON.stringify(before?.services[name]) !== JSON.stringify(table.services[name])),
    );
    this.served = table;
    return { table, changedServices };
  }
}

function applied(table: Table, change: Change): Table {
  const services = { ...table.services };
  for (const [name, entry] of Object.entries(change.services)) {
    if (entry === null) delete services[name];
    else services[name] = entry;
  }
  return { epoch: change.epoch, revision: change.revision, services };
}

const hasLiveInstance = (entry: ServiceEntry | undefined): boolean =>
  entry !== undefined &&
  entry.live !== null &&
  (entry.deployments[entry.live]?.instances.some((instance) => instance.status === 'UP') ?? false);

const serves = (table: Table, like: Table | null): boolean =>
  Object.entries(like?.services ?? {}).every(
    ([name, entry]) => !hasLiveInstance(entry) || hasLiveInstance(table.services[name]),
  );
