/** The state of a yard, as its supervisor knows it, or as records and machine tell without one. */
import type { YardFile } from '@switchyard/contracts/yard-file';
import { RegistryClient } from '@switchyard/kit/registry/client';
import { z } from 'zod';
import { ProcessRuntime } from '../runtime/process-runtime.ts';
import { isAlive } from '../runtime/processes.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import { readFileIfAny } from '../state/atomic-file.ts';
import { YardState } from '../state/yard-state.ts';
import type { YardFolder } from '../yard-folder.ts';
import type { PartKeeper } from '../keeping/part-keeper.ts';
import { sideOf } from '../keeping/part-keeper.ts';
import type { ServiceKeeper } from '../keeping/service-keeper.ts';
import { publicUrl, registryUrl } from '../launching/service-parts.ts';
import type { Supervisor } from '../supervisor/supervisor.ts';
import type { PartStatus, YardStatus } from './yard-status.ts';

const EPOCH_TIMEOUT_MS = 1_000;

export async function readStatus(supervisor: Supervisor): Promise<YardStatus> {
  const { yard, folder, state } = supervisor.open;
  const { postgres } = supervisor;
  return {
    root: folder.root,
    supervisor: { pid: process.pid, startedAt: supervisor.startedAt.toISOString() },
    epoch: await readEpoch(yard),
    url: publicUrl(yard),
    services: Object.fromEntries(
      [...supervisor.services].map(([name, part]) => {
        const { live, standby } = state.of(name);
        const { needs = [] } = yard.services[name] ?? {};
        return [name, { ...partStatus(part), live, standby, ...swapStatus(supervisor, name), needs }];
      }),
    ),
    registry: partStatus(supervisor.registry),
    gateway: partStatus(supervisor.gateway),
    postgres:
      postgres === null
        ? null
        : {
            state: postgres.phase,
            detail: postgres.fault ?? postgres.detail,
            embedded: postgres.isEmbedded,
            port: postgres.port,
            pid: postgres.pid,
          },
  };
}

/** Without a supervisor: what runs according to the records, whose processes are looked at. Changes nothing. */
export async function readStatusFromRecords(folder: YardFolder, yard: YardFile): Promise<YardStatus> {
  const state = await YardState.open(folder.stateFile);
  const survivors = await new ProcessRuntime(folder.instances).survivors();
  const partOf = (name: string): PartStatus => {
    const instances = survivors.filter((record) => record.service === name && record.labels['role'] === 'instance');
    return {
      state: instances.length > 0 ? 'ready' : 'stopped',
      detail: instances.length > 0 ? 'runs without a supervisor' : '',
      fault: null,
      instances: instances.map((record) => instanceStatus(record, { host: null, phase: 'ready', restarts: 0 })),
    };
  };
  return {
    root: folder.root,
    supervisor: null,
    epoch: await readEpoch(yard),
    url: publicUrl(yard),
    services: Object.fromEntries(
      Object.entries(yard.services).map(([name, { needs }]) => {
        const { live, standby } = state.of(name);
        return [name, { ...partOf(name), live, standby, candidate: null, swap: null, needs }];
      }),
    ),
    registry: partOf('registry'),
    gateway: partOf('gateway'),
    postgres: await postgresFromRecord(folder, yard),
  };
}

const postgresRecord = z.object({ port: z.int(), pid: z.int(), born: z.string() });

async function postgresFromRecord(folder: YardFolder, yard: YardFile): Promise<YardStatus['postgres']> {
  if (!Object.values(yard.services).some(({ postgres }) => postgres !== undefined)) return null;
  const stopped = { state: 'stopped' as const, detail: '', embedded: true, port: null, pid: null };
  const text = await readFileIfAny(folder.postgresFile);
  try {
    const { port, pid, born } = postgresRecord.parse(JSON.parse(text ?? ''));
    return isAlive({ pid, born })
      ? { state: 'ready', detail: 'runs without a supervisor', embedded: true, port, pid }
      : stopped;
  } catch {
    return stopped;
  }
}

function swapStatus(supervisor: Supervisor, name: string) {
  const swap = supervisor.swaps.of(name);
  if (swap === null) return { candidate: null, swap: null };
  const { id, stage, detail, record } = swap;
  const candidate =
    supervisor.open.state.of(name).live === record.services[name]?.to ? null : record.services[name]!.to;
  const canaryPercent = stage === 'canary' ? record.canaryPercent : null;
  return { candidate, swap: { id, stage, detail, canaryPercent } };
}

function partStatus(part: PartKeeper | ServiceKeeper): PartStatus {
  return {
    state: part.state,
    detail: part.detail,
    fault: part.fault,
    instances: part
      .instances()
      .map(({ record, host, phase, restarts }) => instanceStatus(record, { host, phase, restarts })),
  };
}

function instanceStatus(
  record: InstanceRecord,
  now: { readonly host: string | null; readonly phase: PartStatus['state']; readonly restarts: number },
): PartStatus['instances'][number] {
  const pid = Number(record.handle);
  return {
    id: record.id,
    deployment: record.deployment,
    side: sideOf(record),
    host: now.host,
    port: record.ports['http'] ?? 0,
    pid: Number.isInteger(pid) && pid > 0 ? pid : null,
    state: now.phase,
    startedAt: record.startedAt,
    restarts: now.restarts,
  };
}

async function readEpoch(yard: YardFile): Promise<number | null> {
  const client = new RegistryClient({ url: registryUrl(yard), timeoutMs: EPOCH_TIMEOUT_MS });
  return client.readTable().then(
    (table) => table.epoch,
    () => null,
  );
}
