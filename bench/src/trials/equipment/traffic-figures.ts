/** Failures of a counting client, told by kind and reason, with when they began. */
import type { Failure } from '@switchyard/e2e/traffic/tally';
import type { Trial } from './trial.ts';

const TOLD_MAX = 12;

export function tellFailures(trial: Trial, failures: readonly Failure[], startedAtMs: number): void {
  const told = new Map<string, { count: number; firstAtMs: number; lastAtMs: number }>();
  for (const { kind, cause, reason, deployment, atMs } of failures) {
    const what = `${kind} ${cause}: ${reason.slice(0, 120)} (${deployment ?? 'nobody'})`;
    const known = told.get(what);
    if (known === undefined) told.set(what, { count: 1, firstAtMs: atMs, lastAtMs: atMs });
    else {
      known.count += 1;
      known.lastAtMs = atMs;
    }
  }
  const seconds = (atMs: number): string => ((atMs - startedAtMs) / 1_000).toFixed(1);
  for (const [what, { count, firstAtMs, lastAtMs }] of [...told]
    .toSorted(([, a], [, b]) => b.count - a.count)
    .slice(0, TOLD_MAX))
    trial.figure(`failed: ${what}`, `${count}, from ${seconds(firstAtMs)} to ${seconds(lastAtMs)} s`);
}
