/** Reads the registry's table over and over, and notes each answer that nobody should have been able to route by. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Table } from '@switchyard/contracts/registry';
import { nowMs } from './traffic/tally.ts';

const EVERY_MS = 25;

export class TablePoll {
  /** Sentences. */
  readonly faults: string[] = [];
  /** When each deployment was first and last seen live (ms since 1970). */
  readonly seenLive = new Map<string, { readonly firstMs: number; readonly lastMs: number }>();
  /** While the process that serves is being killed, what is live may have no instance. */
  mayLackInstances = false;
  answers = 0;
  private last: Table | null = null;
  private readonly stopping = new AbortController();
  private readonly over: Promise<void>;

  constructor(registryOrigin: string) {
    this.over = this.run(registryOrigin);
  }

  /** The last table that was answered. */
  get table(): Table {
    if (this.last === null) throw new Error('the registry has not answered yet');
    return this.last;
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.over;
  }

  private async run(registryOrigin: string): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const answer = await fetch(`${registryOrigin}/v1/table`, {
          signal: AbortSignal.any([signal, AbortSignal.timeout(2_000)]),
        });
        // A registry that is away or comes back says so; whoever routes goes on by the table it has.
        if (answer.status === 200) this.take((await answer.json()) as Table);
        else await answer.body?.cancel();
      } catch {
        // It is away.
      }
      await pause(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  private take(table: Table): void {
    this.answers += 1;
    if (this.last !== null && table.epoch < this.last.epoch)
      this.faults.push(`the epoch went back from ${this.last.epoch} to ${table.epoch}`);
    for (const name of Object.keys(this.last?.services ?? {}))
      if (table.services[name] === undefined) this.faults.push(`${name} is missing in epoch ${table.epoch}`);
    for (const [name, { live, deployments }] of Object.entries(table.services)) {
      if (live === null) this.faults.push(`nothing is live in ${name} in epoch ${table.epoch}`);
      else if (!this.mayLackInstances && !deployments[live]?.instances.some(({ status }) => status === 'UP'))
        this.faults.push(`${live} is live without an instance in epoch ${table.epoch}, revision ${table.revision}`);
      if (live === null) continue;
      const now = nowMs();
      this.seenLive.set(live, { firstMs: this.seenLive.get(live)?.firstMs ?? now, lastMs: now });
    }
    this.last = table;
  }
}
