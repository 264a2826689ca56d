/** Instances as processes of this machine: each the leader of a session of its own, so that it outlives the supervisor and ends as a whole. */
import { spawn } from 'node:child_process';
import { open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { makePrivateFolder } from '../state/atomic-file.ts';
import { commandFault } from './command-lookup.ts';
import { InstanceRecords } from './instance-records.ts';
import type { ProcessRecord } from './instance-records.ts';
import { launchThrough, SUCCESSOR_FILE } from './launch-through.ts';
import { portHolders } from './ports.ts';
import { allProcesses, environmentValue, isAlive, processFacts, sendSignal } from './processes.ts';
import type { ProcessIdentity } from './processes.ts';
import { StartFault } from './runtime.ts';
import type { InstanceEnd, InstanceRecord, InstanceSpec, Runtime, StopOptions } from './runtime.ts';

/**
 * The shell writes its process id, then becomes the program: between the making of the process and the record of its id there is
 * no moment in which a killed supervisor would leave an orphan that nobody knows.
 */
const LAUNCH = 'echo $$ >"$0" && exec "$@"';
/** How often an instance that this process did not start itself is looked at. */
const ADOPTED_POLL_MS = process.platform === 'linux' ? 100 : 500;
const STOP_POLL_MS = 20;
/** After SIGKILL; longer only if the kernel holds a process (a dead network disk). */
const KILL_DEADLINE_MS = 5_000;
const UNSEEN: InstanceEnd = { code: null, signal: null };

export class ProcessRuntime implements Runtime {
  readonly name = 'process';
  private readonly records: InstanceRecords;
  private readonly known = new Map<string, ProcessRecord>();
  /** Ends of the instances that this process started itself. */
  private readonly endOf = new Map<string, Promise<InstanceEnd>>();
  private readonly stopping = new Map<string, Promise<void>>();

  /** `folder`: where the records are, `.yard/instances`. */
  constructor(folder: string) {
    this.records = new InstanceRecords(folder);
  }

  async start(spec: InstanceSpec): Promise<InstanceRecord> {
    const fault = await commandFault(spec.argv[0] ?? '', spec.cwd, spec.env);
    if (fault !== null) throw new StartFault(fault);
    await this.records.prepare();
    await makePrivateFolder(dirname(spec.logFile));
    const { id, service, deployment, ports, logFile, labels } = spec;
    const intent: ProcessRecord = {
      version: 1,
      id,
      service,
      deployment,
      ports,
      logFile,
      labels,
      startedAt: new Date().toISOString(),
      ...(spec.env[SUCCESSOR_FILE] === undefined ? {} : { successorFile: spec.env[SUCCESSOR_FILE] }),
      process: null,
    };
    try {
      await this.records.write(intent);
      const process =
        spec.inheritsFrom === undefined
          ? await this.launch(spec)
          : await launchThrough(this.known.get(spec.inheritsFrom), spec, this.records);
      const record = { ...intent, process };
      this.known.set(id, record);
      await this.records.write(record);
      return toInstanceRecord(record);
    } catch (error) {
      await this.stop(id, { graceMs: 0 });
      if (error instanceof StartFault) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new StartFault(code === 'ENOSPC' ? 'the disk is full' : `could not start: ${message}`, error);
    }
  }

  async list(): Promise<readonly InstanceRecord[]> {
    // Nobody can go on with an instance of which only the id is left; its process would keep its port for ever.
    for (const id of await this.records.unreadable()) await this.removeRest(await this.resolved(recordOf(id)));
    const alive: InstanceRecord[] = [];
    const all = await this.records.all();
    // What nobody has begun to start by now, nobody waits for any more.
    for (const { successorFile } of all) if (successorFile !== undefined) await rm(successorFile, { force: true });
    for (const written of all) {
      const record = await this.resolved(written);
      if (record.process !== null && isAlive(record.process)) {
        this.known.set(record.id, record);
        alive.push(toInstanceRecord(record));
      } else {
        this.known.set(record.id, record);
        await this.removeRest(record);
      }
    }
    return alive;
  }

  /** As `list`, without removing or writing anything: for those who only look. */
  async survivors(): Promise<readonly InstanceRecord[]> {
    const records = await this.records.all();
    return records.filter(({ process }) => process !== null && isAlive(process)).map(toInstanceRecord);
  }

  async relabel(id: string, labels: Readonly<Record<string, string>>): Promise<InstanceRecord> {
    const record = this.known.get(id);
    if (record === undefined) throw new Error(`${id} does not run`);
    const changed = { ...record, labels };
    await this.records.write(changed);
    this.known.set(id, changed);
    return toInstanceRecord(changed);
  }

  async signal(id: string, signal: 'SIGUSR2'): Promise<boolean> {
    const running = this.known.get(id)?.process ?? null;
    return running !== null && isAlive(running) && sendSignal(running.pid, signal);
  }

  async ended(id: string, signal: AbortSignal): Promise<InstanceEnd> {
    const record = this.known.get(id);
    if (record === undefined) return UNSEEN;
    const own = this.endOf.get(id);
    let end = UNSEEN;
    if (own !== undefined) end = await untilAborted(own, signal);
    else while (record.process !== null && isAlive(record.process)) await pause(ADOPTED_POLL_MS, undefined, { signal });
    // A stop under way gives what the instance had started its grace; else nobody will end it but us.
    await (this.stopping.get(id) ?? this.removeRest(record));
    return end;
  }

  async stop(id: string, options: StopOptions): Promise<void> {
    const record = this.known.get(id) ?? (await this.records.all()).find((written) => written.id === id);
    if (record === undefined) return;
    const stopping = this.endAll(await this.resolved(record), options);
    this.stopping.set(id, stopping);
    try {
      await stopping;
    } finally {
      this.stopping.delete(id);
    }
  }

  async holdsPort(id: string, port: number): Promise<boolean | null> {
    const record = this.known.get(id);
    if (record === undefined) return false;
    const holders = portHolders(port).map((holder) => holder.pid);
    if (holders.length === 0) return null;
    const members = new Set(this.membersOf(record));
    return holders.some((pid) => members.has(pid) || environmentValue(pid, 'INSTANCE_ID') === id);
  }

  private async launch(spec: InstanceSpec): Promise<ProcessIdentity> {
    const log = await open(spec.logFile, 'a', 0o600);
    try {
      const child = spawn('/bin/sh', ['-c', LAUNCH, this.records.pidFile(spec.id), ...spec.argv], {
        cwd: spec.cwd,
        env: spec.env,
        detached: true,
        stdio: ['ignore', log.fd, log.fd],
      });
      const end = new Promise<InstanceEnd>((resolve) => {
        child.once('exit', (code, signal) => resolve({ code, signal }));
      });
      await new Promise<void>((resolve, reject) => {
        child.once('spawn', resolve);
        child.once('error', reject);
      });
      child.on('error', () => undefined);
      child.unref();
      this.endOf.set(spec.id, end);
      const pid = child.pid!;
      return { pid, born: processFacts(pid)?.born ?? '' };
    } finally {
      await log.close();
    }
  }

  /** The record with its process: from the file that the process wrote itself, or by its environment, when the supervisor died in between. */
  private async resolved(record: ProcessRecord): Promise<ProcessRecord> {
    if (record.process !== null) return record;
    const process = await this.found(record.id);
    if (process === null) return record;
    const complete = { ...record, process };
    await this.records.write(complete);
    return complete;
  }

  private async found(id: string): Promise<ProcessIdentity | null> {
    const written = await this.records.pidWritten(id);
    const candidates = written === null ? [] : [written];
    // Whatever it has started has its environment too, and is the leader of nothing.
    for (const pid of [...candidates, ...pidsByEnvironment(id)]) {
      const facts = processFacts(pid);
      const instance = environmentValue(pid, 'INSTANCE_ID');
      if (facts === null || facts.group !== pid || (instance !== null && instance !== id)) continue;
      return { pid, born: facts.born };
    }
    return null;
  }

  /** Of an instance that this process started, whatever is in the group is ours: the kernel gives no process id anew while it names a group. */
  private membersOf(record: ProcessRecord): number[] {
    return membersOf(record, this.endOf.has(record.id));
  }

  private async removeRest(record: ProcessRecord): Promise<void> {
    await this.endAll(record, { graceMs: 0 });
  }

  private async endAll(known: ProcessRecord, { graceMs, hasten }: StopOptions): Promise<void> {
    let record = known;
    if (record.process === null) {
      // It may be just about to become a process, by the hand of the one that it inherits from: see launch-through.ts.
      await this.records.removeRecord(record.id);
      record = await this.resolved(record);
    }
    let isForced = graceMs === 0;
    let deadlineMs = performance.now() + (isForced ? KILL_DEADLINE_MS : graceMs);
    const asked = new Set<number>();
    for (;;) {
      // The environment is searched only when the group seems empty: it finds what left the group, and is the slower look.
      let members = this.membersOf(record);
      if (members.length === 0) members = pidsByEnvironment(record.id);
      if (members.length === 0) break;
      const isOver = performance.now() >= deadlineMs;
      if (isForced && isOver)
        throw new Error(`${record.id} could not be ended: pid ${members.join(', ')} ignores SIGKILL`);
      if (!isForced && (isOver || hasten?.aborted === true)) {
        isForced = true;
        deadlineMs = performance.now() + KILL_DEADLINE_MS;
      }
      for (const pid of members.filter((pid) => isForced || !asked.has(pid))) {
        sendSignal(pid, isForced ? 'SIGKILL' : 'SIGTERM');
        asked.add(pid);
      }
      await pause(STOP_POLL_MS);
    }
    this.known.delete(record.id);
    this.endOf.delete(record.id);
    if (record.successorFile !== undefined) await rm(record.successorFile, { force: true });
    await this.records.remove(record.id);
  }
}

/**
 * Living processes of the instance's group and session. When the leader's id belongs to a stranger by now, the group of that
 * number is the stranger's: then only the environment tells.
 */
function membersOf(record: ProcessRecord, isGroupOurs: boolean): number[] {
  if (record.process === null) return pidsByEnvironment(record.id);
  const { pid: leader, born } = record.process;
  const facts = processFacts(leader);
  const isReused = facts !== null && facts.born !== born;
  if (isReused) return [];
  const members = allProcesses().filter((process) => process.group === leader || process.session === leader);
  if (facts !== null) return members.map((process) => process.pid);
  // Without its leader a group is ours if we have seen the leader end, if a member says so, or cannot be asked (no Linux).
  return members.map((process) => process.pid).filter((pid) => isGroupOurs || isOurs(pid, record.id));
}

const isOurs = (pid: number, id: string): boolean => {
  const instance = environmentValue(pid, 'INSTANCE_ID');
  return instance === id || (instance === null && process.platform !== 'linux');
};

function pidsByEnvironment(id: string): number[] {
  return process.platform === 'linux'
    ? allProcesses()
        .map((process) => process.pid)
        .filter((pid) => environmentValue(pid, 'INSTANCE_ID') === id)
    : [];
}

async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Of an instance of which nothing but its id is known. */
const recordOf = (id: string): ProcessRecord => ({
  version: 1,
  id,
  service: '',
  deployment: '',
  ports: {},
  logFile: '',
  labels: {},
  startedAt: '',
  process: null,
});

function toInstanceRecord(written: ProcessRecord): InstanceRecord {
  const { process: running, version: _version, successorFile: _file, ...record } = written;
  return { ...record, handle: running === null ? '' : String(running.pid) };
}
