/** Keeps `.yard` from growing: old releases and their logs go, logs that are long are rotated, what Node.js has compiled is bounded. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { rotateLogs } from '../logs/rotation.ts';
import { liveBefore } from '../state/yard-state.ts';
import type { ServiceState } from '../state/yard-state.ts';
import type { OpenYard } from './open-yard.ts';

const ROTATE_EVERY_MS = 5_000;
/** What third-party packages are compiled to is used again by the next deployment; beyond this it is mostly of deployments that are gone. */
const COMPILED_MAX_BYTES = 200_000_000;

/** Removes releases that nobody may want again, and their logs. `running`: deployments besides those that `wantedOf` names. */
export async function prune({ state, releases, folder }: OpenYard, running: Iterable<string>): Promise<void> {
  const keep = new Set([...running, ...Object.values(state.services).flatMap(wantedOf)]);
  const removed = await releases.prune(keep);
  for (const deployment of removed) await removeLogs(folder.logs, deployment);
  if (removed.length > 0 && (await bytesBelow(folder.compileCache)) > COMPILED_MAX_BYTES)
    await rm(folder.compileCache, { recursive: true, force: true });
}

/** What is live, what stands by, and what a rollback goes back to: swaps that were given up make newer releases, however many. */
export const wantedOf = (state: ServiceState): string[] =>
  [state.live, state.standby, liveBefore(state)].filter((deployment) => deployment !== null);

export async function rotateUntil(logs: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await rotateLogs(logs).catch(() => undefined);
    await pause(ROTATE_EVERY_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
}

async function removeLogs(logs: string, deployment: string): Promise<void> {
  const folder = join(logs, deployment.replace(/-[0-9]+$/, ''));
  const names = await readdir(folder).catch(() => []);
  const own = names.filter((name) => name.startsWith(`${deployment}.`));
  await Promise.all(own.map((name) => rm(join(folder, name), { force: true })));
}

async function bytesBelow(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(
    names.map((name) =>
      stat(join(folder, name)).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
