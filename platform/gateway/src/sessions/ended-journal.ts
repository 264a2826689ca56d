/**
 * What the gateways of a yard tell each other of sessions that ended: files beside the keys that they share. The session store knows
 * it all, but it may be away just then, and a gateway that starts while it is away would let in again who has signed out.
 */
import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@switchyard/kit/log';
import { runOutsideTrace } from '@switchyard/kit/trace';

/** A file for each quarter of an hour; this one and the one before cover what an access token lives (10 minutes). */
const QUARTER_MS = 15 * 60_000;
const READ_EVERY_MS = 1_000;
/** Read at a time. */
const READ_MAX_BYTES = 1_048_576;
const FILE = /^([0-9]{1,15})\.log$/;
const ID = /^[0-9a-f-]{36}$/;

export interface EndedJournalOptions {
  readonly directory: string;
  readonly log: Logger;
  /** Of sessions that ended, told by others and by ourselves. */
  readonly onRead: (sessionIds: readonly string[]) => void;
  /** Milliseconds since 1970. */
  readonly nowMs?: () => number;
}

export class EndedJournal {
  private readonly options: EndedJournalOptions;
  private readonly nowMs: () => number;
  /** Bytes read so far, by file. */
  private readonly read = new Map<string, number>();
  private readonly unwritten = new Set<string>();
  private isReading = false;
  private isBroken = false;
  private last: Promise<void> = Promise.resolve();
  private timer: NodeJS.Timeout | null = null;

  constructor(options: EndedJournalOptions) {
    this.options = options;
    this.nowMs = options.nowMs ?? Date.now;
  }

  start(): void {
    this.timer ??= runOutsideTrace(() => setInterval(() => void this.exchange(), READ_EVERY_MS)).unref();
  }

  async stop(): Promise<void> {
    if (this.timer !== null) clearInterval(this.timer);
    await this.exchange();
  }

  /** A session has ended here: the others get to know. */
  note(sessionId: string): void {
    if (this.isReading || !ID.test(sessionId)) return;
    this.unwritten.add(sessionId);
    // All that ended at the same time is written at once.
    if (this.unwritten.size === 1) setImmediate(() => void this.exchange());
  }

  /**
   * Reads, then writes what nobody has written yet; one at a time. A directory that cannot be used is logged, once: the store tells
   * the same, only later.
   */
  exchange(): Promise<void> {
    this.last = this.last.then(async () => {
      try {
        await mkdir(this.options.directory, { recursive: true, mode: 0o700 });
        await this.readAll();
        if (this.unwritten.size > 0) await this.write();
        this.isBroken = false;
      } catch (error) {
        if (!this.isBroken)
          this.options.log.error({ err: error }, 'gateways cannot tell each other who has signed out');
        this.isBroken = true;
      }
    });
    return this.last;
  }

  private get quarter(): number {
    return Math.floor(this.nowMs() / QUARTER_MS);
  }

  private async readAll(): Promise<void> {
    for (const name of await readdir(this.options.directory)) {
      const quarter = FILE.exec(name)?.[1];
      if (quarter === undefined) continue;
      const path = join(this.options.directory, name);
      if (Number(quarter) >= this.quarter - 1) await this.readFile(path);
      else {
        this.read.delete(path);
        // Another gateway may have been faster.
        await unlink(path).catch(() => {});
      }
    }
  }

  private async readFile(path: string): Promise<void> {
    for (;;) {
      const from = this.read.get(path) ?? 0;
      const text = await textFrom(path, from);
      const end = text.lastIndexOf('\n') + 1;
      this.read.set(path, from + end);
      this.heard(
        text
          .slice(0, end)
          .split('\n')
          .filter((line) => ID.test(line)),
      );
      if (text.length < READ_MAX_BYTES || end === 0) return;
    }
  }

  private heard(ids: readonly string[]): void {
    // What the others know already need not be told to them.
    for (const id of ids) this.unwritten.delete(id);
    this.isReading = true;
    this.options.onRead(ids);
    this.isReading = false;
  }

  /** One write of whole lines at the end of the file, which several may do at once. The first one ends whatever was torn before it. */
  private async write(): Promise<void> {
    const ids = [...this.unwritten];
    const file = await open(join(this.options.directory, `${this.quarter}.log`), 'a', 0o600);
    try {
      const text = `\n${ids.join('\n')}\n`;
      const { bytesWritten } = await file.write(text);
      if (bytesWritten < text.length) throw new Error('only a part could be written: is the disk full?');
    } finally {
      await file.close();
    }
    for (const id of ids) this.unwritten.delete(id);
  }
}

async function textFrom(path: string, from: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    if (size <= from) return '';
    const { buffer, bytesRead } = await file.read(Buffer.alloc(Math.min(size - from, READ_MAX_BYTES)), {
      position: from,
    });
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
}
