/** `.yard/state.json`: which deployment of each service is live, and how its deployments are counted; survives a crash at any moment. */
import { createHash, randomBytes } from 'node:crypto';
import { readlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { side } from '@switchyard/contracts/registry';
import { z } from 'zod';
import type { YardFolder } from '../yard-folder.ts';
import { makePrivateFolder, readFileIfAny, writeFileAtomic } from './atomic-file.ts';

const serviceState = z.object({
  /** Number of the deployment that was made last; the next has one more. Never goes back. */
  counter: z.int().min(0),
  live: z.string().nullable(),
  standby: z.string().nullable(),
  /** Side of the live deployment. */
  side: side.nullable(),
  /** Deployments that have been live, the newest last; at most `HISTORY_MAX`. */
  history: z.array(z.string()),
});
export type ServiceState = z.infer<typeof serviceState>;

/** What was live before the one that is: what a rollback goes back to. */
export const liveBefore = ({ live, history }: Pick<ServiceState, 'live' | 'history'>): string | null =>
  history.findLast((deployment) => deployment !== live) ?? null;

const stateData = z.object({ version: z.literal(1), services: z.record(z.string(), serviceState) });
type StateData = z.infer<typeof stateData>;
const stateFile = z.object({ checksum: z.string(), data: z.unknown() });

const ID = /^[0-9a-f]{16}$/;
const HISTORY_MAX = 20;
const EMPTY: ServiceState = { counter: 0, live: null, standby: null, side: null, history: [] };

export class YardState {
  private data: StateData;
  private readonly file: string;
  private writing: Promise<void> = Promise.resolve();
  /** Set when the file could not be read and the copy of the state before it is used instead, or none. */
  readonly fault: string | null;

  private constructor(file: string, data: StateData, fault: string | null) {
    this.file = file;
    this.data = data;
    this.fault = fault;
  }

  /** Reads the file; if it is damaged, the last good copy beside it (`.previous`). */
  static async open(file: string): Promise<YardState> {
    const current = await readState(file);
    if (current.kind === 'good') return new YardState(file, current.data, null);
    const previous = await readState(`${file}.previous`);
    const isFirst = current.kind === 'absent' && previous.kind === 'absent';
    const fault = isFirst ? null : `${file} is ${current.kind === 'absent' ? 'gone' : `damaged (${current.reason})`}`;
    if (previous.kind === 'good' && fault !== null) {
      return new YardState(file, previous.data, `${fault}; the state before it is used`);
    }
    return new YardState(file, { version: 1, services: {} }, fault === null ? null : `${fault}; starting without it`);
  }

  of(service: string): ServiceState {
    return this.data.services[service] ?? EMPTY;
  }

  get services(): Readonly<Record<string, ServiceState>> {
    return this.data.services;
  }

  /** The number of a new deployment, larger than any before and than `atLeast`; on disk before it is given. */
  async nextNumber(service: string, atLeast = 0): Promise<number> {
    const number = Math.max(this.of(service).counter, atLeast) + 1;
    await this.change(service, { counter: number });
    return number;
  }

  /** What became live. */
  async setLive(
    service: string,
    live: string,
    more: { standby: string | null; side: ServiceState['side'] },
  ): Promise<void> {
    const history = [...this.of(service).history.filter((deployment) => deployment !== live), live].slice(-HISTORY_MAX);
    await this.change(service, { live, ...more, history });
  }

  /** Takes effect in memory at once; throws when it could not be written (the old file is then still whole). */
  async change(service: string, change: Partial<ServiceState>): Promise<void> {
    this.data = { ...this.data, services: { ...this.data.services, [service]: { ...this.of(service), ...change } } };
    const { data } = this;
    const write = this.writing.then(() => this.write(data));
    this.writing = write.catch(() => undefined);
    await write;
  }

  private async write(data: StateData): Promise<void> {
    const before = await readFileIfAny(this.file);
    if (before !== null) await writeFileAtomic(`${this.file}.previous`, before, { isDurable: false });
    await writeFileAtomic(this.file, JSON.stringify({ checksum: checksum(data), data }, null, 1));
  }
}

/**
 * A random name of the yard, made once: `3f9a…`. A file that was damaged or lost is written again from the link to the data that
 * root's PostgreSQL has under this name: another id would mean other, empty databases.
 */
export async function yardId(folder: Pick<YardFolder, 'state' | 'idFile' | 'data'>): Promise<string> {
  await makePrivateFolder(folder.state);
  const written = (await readFileIfAny(folder.idFile))?.trim() ?? '';
  if (ID.test(written)) return written;
  const named = basename(dirname(await readlink(join(folder.data, 'postgres')).catch(() => '')));
  const id = ID.test(named) ? named : randomBytes(8).toString('hex');
  await writeFileAtomic(folder.idFile, `${id}\n`);
  return id;
}

type ReadState = { kind: 'good'; data: StateData } | { kind: 'absent' } | { kind: 'damaged'; reason: string };

async function readState(file: string): Promise<ReadState> {
  const text = await readFileIfAny(file);
  if (text === null) return { kind: 'absent' };
  try {
    const outer = stateFile.parse(JSON.parse(text));
    const data = stateData.parse(outer.data);
    if (outer.checksum !== checksum(data)) return { kind: 'damaged', reason: 'its checksum is wrong' };
    return { kind: 'good', data };
  } catch {
    return { kind: 'damaged', reason: 'it is cut off, or not what the yard writes' };
  }
}

const checksum = (data: StateData): string => createHash('sha256').update(JSON.stringify(data)).digest('hex');
