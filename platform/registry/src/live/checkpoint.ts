/** Notes which instances and watchers there are, so that a restarted registry asks and awaits them by name; a hint, never a truth. */
import { open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { instanceId, registration } from '@switchyard/contracts/registry';
import type { Clock } from '@switchyard/kit/clock';
import type { Logger } from '@switchyard/kit/log';
import { z } from 'zod';
import type { InstanceRecord } from '../table/service-record.ts';

/** Changes within this time are written together. */
const PAUSE_MS = 1_000;
/** Instances written at a time, so that a large table holds nobody up. */
const WRITTEN_TOGETHER = 500;

const noted = z.strictObject({ id: instanceId, registration });
export type NotedInstance = z.infer<typeof noted>;
const notedWatcher = z.strictObject({ watcher: instanceId });

export interface Noted {
  readonly instances: readonly NotedInstance[];
  /** Ids of those that routed by the table. */
  readonly watchers: readonly string[];
}

/**
 * Instances live in memory: this file is not synced, because what it is for is a registry that dies alone. When the whole machine
 * goes down, the instances are gone too. A file that is missing, torn or old costs time, nothing else.
 */
export class Checkpoint {
  private readonly file: string;
  private readonly instances: () => Iterable<InstanceRecord>;
  private readonly watchers: () => Iterable<string>;
  private readonly clock: Clock;
  private readonly log: Logger;
  private cancelTimer: (() => void) | null = null;
  private writing: Promise<void> = Promise.resolve();
  private hasFailed = false;

  constructor(from: {
    folder: string;
    instances: () => Iterable<InstanceRecord>;
    watchers: () => Iterable<string>;
    clock: Clock;
    log: Logger;
  }) {
    this.file = path.join(from.folder, 'instances.jsonl');
    this.instances = from.instances;
    this.watchers = from.watchers;
    this.clock = from.clock;
    this.log = from.log;
  }

  /** What was noted last; null when that is not known. */
  async load(): Promise<Noted | null> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.log.warn({ err: error }, 'the note of instances cannot be read; waiting for them instead');
      return null;
    }
    const lines = text.split('\n').filter((line) => line !== '');
    const read = lines.flatMap((line) => readLine(line) ?? []);
    if (read.length < lines.length)
      this.log.warn({ unreadable: lines.length - read.length }, 'some of the note of instances cannot be read');
    return {
      instances: read.filter((one) => 'id' in one),
      watchers: read.flatMap((one) => ('watcher' in one ? one.watcher : [])),
    };
  }

  changed(): void {
    this.cancelTimer ??= this.clock.after(PAUSE_MS, () => {
      this.cancelTimer = null;
      this.write();
    });
  }

  /** Writes what is waiting, at once; resolves when it is written, or could not be. */
  async flush(): Promise<void> {
    if (this.cancelTimer !== null) {
      this.cancelTimer();
      this.cancelTimer = null;
      this.write();
    }
    await this.writing;
  }

  private write(): void {
    this.writing = this.writing.then(async () => {
      try {
        const file = await open(`${this.file}.new`, 'w', 0o600);
        try {
          await file.write(Array.from(this.watchers(), (watcher) => `${JSON.stringify({ watcher })}\n`).join(''));
          const instances = [...this.instances()];
          for (let at = 0; at < instances.length; at += WRITTEN_TOGETHER)
            await file.write(
              instances
                .slice(at, at + WRITTEN_TOGETHER)
                .map(lineOf)
                .join(''),
            );
        } finally {
          await file.close();
        }
        await rename(`${this.file}.new`, this.file);
        this.hasFailed = false;
      } catch (error) {
        if (!this.hasFailed) this.log.warn({ err: error }, 'the instances could not be noted');
        this.hasFailed = true;
      }
    });
  }
}

const lineOf = ({ id, registrationJson }: InstanceRecord): string =>
  `{"id":${JSON.stringify(id)},"registration":${registrationJson}}\n`;

function readLine(line: string): NotedInstance | z.infer<typeof notedWatcher> | null {
  try {
    return z.union([noted, notedWatcher]).parse(JSON.parse(line));
  } catch {
    return null;
  }
}
