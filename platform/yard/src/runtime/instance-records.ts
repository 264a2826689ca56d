/** The records of instances in `.yard/instances/`: written before a process exists, so that none is ever unknown. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makePrivateFolder, readFileIfAny, writeFileAtomic } from '../state/atomic-file.ts';

/** `process` is null from the intention to start until the process is known. Holds no value of the environment. */
const processRecord = z.object({
  version: z.literal(1),
  id: z.string(),
  service: z.string(),
  deployment: z.string(),
  ports: z.record(z.string(), z.int()),
  logFile: z.string(),
  labels: z.record(z.string(), z.string()),
  startedAt: z.string(),
  /** Where it looks for what its successor is started from; absent: it cannot have one. */
  successorFile: z.string().optional(),
  process: z.object({ pid: z.int(), born: z.string() }).nullable(),
});
export type ProcessRecord = z.infer<typeof processRecord>;

export class InstanceRecords {
  private readonly folder: string;
  constructor(folder: string) {
    this.folder = folder;
  }

  async prepare(): Promise<void> {
    await makePrivateFolder(this.folder);
  }

  /** Not synced to the disk: after a power cut no process lives either. */
  async write(record: ProcessRecord): Promise<void> {
    await writeFileAtomic(this.file(record.id), JSON.stringify(record), { isDurable: false });
  }

  /** A record that cannot be read is skipped. */
  async all(): Promise<ProcessRecord[]> {
    const records = await Promise.all((await this.ids()).map((id) => this.readOne(`${id}.json`)));
    return records.filter((record) => record !== null);
  }

  /** Ids of the records that cannot be read, or are missing beside a process id: what they stood for is found by the id alone. */
  async unreadable(): Promise<string[]> {
    const ids = await this.ids();
    const records = await Promise.all(ids.map((id) => this.readOne(`${id}.json`)));
    return ids.filter((_, index) => records[index] === null);
  }

  private async ids(): Promise<string[]> {
    try {
      const names = await readdir(this.folder);
      return [...new Set(names.flatMap((name) => /^(.+)\.(?:json|pid)$/.exec(name)?.[1] ?? []))];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  async remove(id: string): Promise<void> {
    // In this order: a process id alone would be taken for an instance by the next one who looks.
    await rm(this.pidFile(id), { force: true });
    await this.removeRecord(id);
  }

  /** What has not become a process yet looks for it, and goes when it is missing. */
  async removeRecord(id: string): Promise<void> {
    await rm(this.file(id), { force: true });
  }

  file(id: string): string {
    return join(this.folder, `${id}.json`);
  }

  /** Written by the process itself before it becomes the service: known even if the supervisor died while it was being made. */
  pidFile(id: string): string {
    return join(this.folder, `${id}.pid`);
  }

  async pidWritten(id: string): Promise<number | null> {
    const text = await readFileIfAny(this.pidFile(id));
    const pid = Number(text?.trim());
    return Number.isInteger(pid) && pid > 1 ? pid : null;
  }

  private async readOne(name: string): Promise<ProcessRecord | null> {
    try {
      const parsed = processRecord.safeParse(JSON.parse(await readFile(join(this.folder, name), 'utf8')));
      return parsed.success ? parsed.data : null;
    } catch {
      return null;
    }
  }
}
