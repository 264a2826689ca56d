/** Swaps the registry: the new release is tried beside the old one, then takes its place; gateways go on by their last table meanwhile. */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { checkHealth } from '../keeping/health-check.ts';
import { freePort } from '../runtime/ports.ts';
import type { Release } from '../releases/release.ts';
import { untilSteady } from '../swap/healthy.ts';
import { SwapFault } from '../swap/swap-fault.ts';
import type { PlatformSwap } from './platform-swap.ts';

const PROOF = { answers: 3, everyMs: 100 };
const ASK_MS = 2_000;
const TRIAL_GRACE_MS = 5_000;

/** Rejects when the old release serves, again or still. */
export async function swapRegistry(swap: PlatformSwap): Promise<void> {
  const { part } = swap;
  const { old, next } = await swap.releases();
  await swap.stand('built');
  await tryOut(swap, next);
  await swap.stand('healthy');
  swap.hasChanged = true;
  swap.tell('taking the place of the one before');
  await part.replace(next);
  if (part.state !== 'ready') {
    const fault = new SwapFault(`${next.deployment}: ${part.fault ?? part.detail}`, part.faults.at(-1)?.lines ?? []);
    swap.tell(`it does not get ready: ${old.deployment} starts again`);
    await part.replace(old);
    swap.left.throwIfAborted();
    throw fault;
  }
  await swap.setLive(next, swap.request.isWithoutRollback ? null : old);
  await swap.stand('committed');
}

/** On a port of its own and with a state of its own: what does not even start is found while the old one serves. */
async function tryOut(swap: PlatformSwap, release: Release): Promise<void> {
  const { around, part } = swap;
  const folder = await mkdtemp(join(around.folder, 'trial-'));
  try {
    const http = await freePort(new Set(release.entry.ports));
    const ports = { http, tcp: await freePort(new Set([http])) };
    const record = await around.runtime.start(await part.specBeside(release, ports, { STATE_DIR: folder }));
    try {
      await swap.stand('spawned');
      const question = {
        hosts: ['127.0.0.1'],
        port: http,
        health: release.entry.health,
        instanceId: record.id,
        timeoutMs: ASK_MS,
      };
      await swap.whileItLives(record, async (signal) => {
        const deadlineMs = release.entry.startTimeoutMs;
        const now = (): number => around.now();
        const why = await untilSteady(() => checkHealth(question), { ...PROOF, deadlineMs, signal, now });
        if (why !== null) throw new SwapFault(`${release.deployment} does not get well: ${why}`);
      });
    } finally {
      await around.runtime.stop(record.id, { graceMs: TRIAL_GRACE_MS, hasten: swap.left });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
