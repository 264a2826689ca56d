/** Notes which instances there are, so that a restarted registry asks them instead of waiting for them; a hint, never a truth. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { instanceId, registration } from '@switchyard/contracts/registry';
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { z } from 'zod';
import type { InstanceRecord } from '../table/service-record.ts';

/** Changes within this time are written together. */
const PAUSE_MS = 500;

const noted = z.array(z.strictObject({ id: instanceId, registration }));
export type NotedInstance = z.infer<typeof noted>[number];

/**
 * Instances live in memory: this file is not synced, because what it is for is a registry that dies alone. When the whole machine
 * goes down, the instances are gone too. A file that is missing, torn or old costs time, nothing else.
 */
export class Checkpoint {
  private readonly file: string;
  private readonly instances: () => Iterable<InstanceRecord>;
  private readonly clock: Clock;
  private readonly log: Logger;
  private cancelTimer: (() => void) | null = null;
  private writing: Promise<void> = Promise.resolve();
  private hasFailed = false;

  constructor(from: { folder: string; instances: () => Iterable<InstanceRecord>; clock: Clock; log: Logger }) {
    this.file = path.join(from.folder, 'instances.json');
    this.instances = from.instances;
    this.clock = from.clock;
    this.log = from.log;
  }

  /** What was noted last; null when that is not known. */
  async load(): Promise<NotedInstance[] | null> {
    try {
      return noted.parse(JSON.parse(await readFile(this.file, 'utf8')));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn({ err: error }, 'the note of instances cannot be read; waiting for them instead');
      return null;
    }
  }

  changed(): void {
    this.cancelTimer ??= this.clock.after(PAUSE_MS, () => {
      this.cancelTimer = null;
      this.write();
    });
  }

  /** Writes what is waiting. */
  async stop(): Promise<void> {
    if (this.cancelTimer !== null) {
      this.cancelTimer();
      this.cancelTimer = null;
      this.write();
    }
    await this.writing;
  }

  private write(): void {
    this.writing = this.writing.then(async () => {
      const list = Array.from(this.instances(), ({ id, registration }) => ({ id, registration }));
      try {
        await writeFile(`${this.file}.new`, JSON.stringify(list), { mode: 0o600 });
        await rename(`${this.file}.new`, this.file);
        this.hasFailed = false;
      } catch (error) {
        if (!this.hasFailed) this.log.warn({ err: error }, 'the instances could not be noted');
        this.hasFailed = true;
      }
    });
  }
}
