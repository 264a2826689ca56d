/** Swaps the gateway: a successor inherits its door, proves itself, takes over, and only then is the old one told to leave. */
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import type { HealthAnswer } from '../keeping/health-check.ts';
import { freePort } from '../runtime/ports.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import type { Release } from '../releases/release.ts';
import type { ServiceState } from '../state/yard-state.ts';
import { untilSteady } from '../swap/healthy.ts';
import { SwapFault } from '../swap/swap-fault.ts';
import { kept, notKept } from './platform-swap.ts';
import type { PlatformSwap } from './platform-swap.ts';

const PROOF = { answers: 5, everyMs: 100 };
const TAKE_OVER_MS = 5_000;
/** How long the new one must live at the door before the old one is told to leave; a bake that was asked for counts instead. */
const WATCH_MS = 3_000;
const WATCH_EVERY_MS = 250;
const ASK_MS = 2_000;
/** Longer than a gateway takes to leave patiently. */
export const GATEWAY_GRACE_MS = 40_000;

/** Resolves with the one before, which still accepts at the door beside the new one. Rejects when everything is as it was. */
export async function swapGateway(swap: PlatformSwap): Promise<InstanceRecord> {
  const { around, part } = swap;
  const { runtime, state } = around;
  const { old, next } = await swap.releases();
  const before = part.instances()[0]?.record;
  if (before === undefined) throw new SwapFault('the gateway does not run');
  await swap.stand('built');
  const http = before.ports['http']!;
  const ports = { http, tcp: await freePort(new Set([...next.entry.ports, http])) };
  const spec = await part.specBeside(next, ports);
  const candidate = await runtime.start({ ...spec, inheritsFrom: before.id });
  const { standby, side } = state.of('gateway');
  try {
    await swap.stand('spawned');
    await untilAtStage(swap, candidate, 'waiting', next.entry.startTimeoutMs);
    await swap.stand('healthy');
    await runtime.signal(candidate.id, 'SIGUSR2');
    await untilAtStage(swap, candidate, 'accepting', TAKE_OVER_MS);
    // Until this is written, a supervisor that comes after us goes on with the old one, which still has the door.
    swap.hasChanged = true;
    const taken = await runtime.relabel(candidate.id, kept(candidate));
    await swap.setLive(next, swap.request.isWithoutRollback ? null : old);
    await swap.stand('committed');
    await watch(swap, candidate);
    await part.exchange(taken, next);
    if (part.state !== 'ready') {
      const fault = new SwapFault(`${next.deployment}: ${part.fault ?? part.detail}`);
      await part.exchange(before, old);
      throw fault;
    }
  } catch (error) {
    if (swap.hasChanged) await forget(swap, candidate, old, { standby, side });
    // It may have connections by now; the old one accepts, so that this one leaves without haste.
    await runtime.stop(candidate.id, { graceMs: GATEWAY_GRACE_MS, hasten: swap.left });
    throw error;
  }
  // It does not accept for long: nobody is to go on with it, whatever becomes of the new one.
  await runtime.relabel(before.id, notKept(before)).catch(() => undefined);
  return before;
}

/** A supervisor that comes after us goes on with the old one. What cannot be written (the disk is full) keeps the new one from nothing: it is stopped. */
async function forget(
  { around }: PlatformSwap,
  candidate: InstanceRecord,
  old: Release,
  before: Pick<ServiceState, 'standby' | 'side'>,
): Promise<void> {
  const warn = (error: Error): void => around.warn(error.message);
  await around.state.setLive('gateway', old.deployment, before).catch(warn);
  await around.runtime.relabel(candidate.id, notKept(candidate)).catch(warn);
}

/** The new one lives on, and goes on accepting, for a while in which the old one could still do its work. */
async function watch(swap: PlatformSwap, candidate: InstanceRecord): Promise<void> {
  const { around, request } = swap;
  const untilMs = around.now() + (request.bakeMs ?? WATCH_MS);
  swap.tell('it accepts; looking whether it goes on');
  await swap.whileItLives(candidate, async () => {
    while (around.now() < untilMs) {
      await swap.pause(WATCH_EVERY_MS);
      const answer = await stageOf(candidate, 'accepting');
      if (answer.kind !== 'well') throw new SwapFault(`${candidate.deployment} does not stay well: ${answer.why}`);
    }
  });
}

async function untilAtStage(swap: PlatformSwap, record: InstanceRecord, stage: string, deadlineMs: number) {
  await swap.whileItLives(record, async (signal) => {
    const now = (): number => swap.around.now();
    const why = await untilSteady(() => stageOf(record, stage), { ...PROOF, deadlineMs, signal, now });
    if (why !== null) throw new SwapFault(`${record.deployment} does not get well: ${why}`);
  });
}

/** Asked at its own port: at the door, nobody could tell who of the two answers. */
async function stageOf(record: InstanceRecord, wanted: string): Promise<HealthAnswer> {
  const port = record.ports['tcp']!;
  const host = '127.0.0.1';
  try {
    const answer = await fetch(`http://${host}:${port}/-/accepting`, { signal: AbortSignal.timeout(ASK_MS) });
    const named = answer.headers.get(INSTANCE_HEADER);
    const { stage } = (await answer.json()) as { readonly stage?: string };
    if (named !== record.id) return { kind: 'stranger', why: `port ${port} is answered by ${named ?? 'a stranger'}` };
    if (stage === wanted) return { kind: 'well', host, echoes: true };
    return { kind: 'unwell', why: `it is ${stage}, not ${wanted}` };
  } catch (error) {
    const cause = (error as { readonly cause?: Error }).cause ?? (error as Error);
    return { kind: 'unwell', why: `port ${port}: ${cause.message}` };
  }
}
