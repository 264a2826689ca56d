/** For tests: the registry without its HTTP, on a clock and a disk that the test moves and fills. */
import { declarations, liveChange, registration, table as tableSchema } from '@switchyard/contracts/registry';
import type { LiveChangeInput, RegistrationInput, Table } from '@switchyard/contracts/registry';
import { FakeClock } from '@switchyard/kit/clock';
import { isRefusal } from '@switchyard/kit/errors';
import { createLogger } from '@switchyard/kit/log';
import type { Caller } from '../caller.ts';
import { InstanceHosts } from '../leases/hosts.ts';
import type { ProbeOutcome } from '../leases/probe.ts';
import type { NotedInstance } from '../live/checkpoint.ts';
import { emptyState } from '../live/live-state.ts';
import type { LiveState } from '../live/live-state.ts';
import { Registry } from '../registry.ts';

export const anybody: Caller = { kind: 'nobody', isLocal: true };
export const operator: Caller = { kind: 'operator', isLocal: true };

/** `disk.isFull` refuses saves; `answers` says what probes find, refused when nothing is said. */
export async function setUp(
  before: {
    state?: LiveState;
    noted?: NotedInstance[] | null;
    notedWatchers?: string[];
    answers?: Record<string, ProbeOutcome | Promise<ProbeOutcome>>;
    isDiskFull?: boolean;
  } = {},
  limits: { maxInstances?: number; maxServices?: number } = {},
) {
  const clock = new FakeClock();
  const disk = { isFull: before.isDiskFull ?? false, state: before.state ?? emptyState };
  const answers = new Map(Object.entries(before.answers ?? {}));
  const registry = new Registry({
    state: disk.state,
    noted: before.noted ?? null,
    notedWatchers: before.notedWatchers ?? [],
    saver: {
      save: (state) => {
        if (disk.isFull) return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
        disk.state = state;
        return Promise.resolve();
      },
    },
    onInstances: () => {},
    noteInstances: () => Promise.resolve(),
    probe: ({ id }) => Promise.resolve(answers.get(id) ?? 'refused'),
    hosts: new InstanceHosts(['loopback', 'private']),
    limits: { maxInstances: 100, maxServices: 50, maxWatchers: 10, recoveryTimeoutMs: 8_000, ...limits },
    clock,
    wallClockMs: () => 1_000_000,
    log: createLogger({ service: 'test', level: 'silent' }),
  });
  await registry.start();
  const register = async (id: string, input: RegistrationInput, caller: Caller = anybody): Promise<string> => {
    const given = await registry.register(id, registration.parse(input), caller);
    return isRefusal(given) ? given.error.code : given.isNew ? 'registered' : 'renewed';
  };
  const setLive = async (changes: LiveChangeInput['changes'], expect: number, locks: Record<string, number> = {}) => {
    const result = await registry.setLive(liveChange.parse({ changes, expect, locks }));
    return isRefusal(result) ? result.error.code : result.epoch;
  };
  const declare = (services: Record<string, { routes?: string[] }>) =>
    registry.declare(declarations.parse({ services }));
  const read = (): Table => tableSchema.parse(JSON.parse(registry.table.json));
  return { registry, clock, disk, answers, register, setLive, declare, read };
}
