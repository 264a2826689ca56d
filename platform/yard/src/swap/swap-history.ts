/** `.yard/history.jsonl`: reports of past swaps, the newest kept. */
import { open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makePrivateFolder, syncFolder, writeFileAtomic } from '../state/atomic-file.ts';
import { summedLine, wholeLines, writeLineAt } from '../state/summed-lines.ts';
import { swapReport } from './swap-report.ts';
import type { SwapReport } from './swap-report.ts';

/** Beyond this the file is written anew: with half of it at most, so that this happens once in a thousand swaps and not at each. */
const FILE_MAX_BYTES = 4_194_304;
const KEPT_MAX_BYTES = FILE_MAX_BYTES / 2;
const KEPT_MAX = 2_000;
const NEWLINE = 0x0a;

export interface ReadHistory {
  /** Oldest first. */
  readonly reports: SwapReport[];
  /** Lines that could not be read, and are not among them. */
  readonly damaged: number;
}

/** One process at a time may write; any may read meanwhile. */
export class SwapHistory {
  private readonly file: string;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(file: string) {
    this.file = file;
  }

  /** On disk once it resolves; throws when it could not be written. */
  append(report: SwapReport): Promise<void> {
    const appended = this.turn.then(() => this.write(summedLine(report)));
    this.turn = appended.catch(() => undefined);
    return appended;
  }

  /** Oldest first; what is damaged is left out. */
  async read(): Promise<SwapReport[]> {
    return (await this.readAll()).reports;
  }

  /** As `read`, and says what was left out. A swap that was reported twice, before a crash and after it, is there once. */
  async readAll(): Promise<ReadHistory> {
    const { lines, damaged } = wholeLines(await this.content());
    const reports = new Map<string, SwapReport>();
    let foreign = 0;
    for (const { json } of lines) {
      const parsed = swapReport.safeParse(JSON.parse(json));
      if (!parsed.success) {
        foreign += 1;
        continue;
      }
      reports.delete(parsed.data.id);
      reports.set(parsed.data.id, parsed.data);
    }
    return { reports: [...reports.values()], damaged: damaged + foreign };
  }

  private async write(line: string): Promise<void> {
    const content = await this.content();
    // A line whose writing was cut short goes; damaged ones before it stay for whoever wants to look at them.
    const end = content.lastIndexOf(NEWLINE) + 1;
    if (content.length === 0) await makePrivateFolder(dirname(this.file));
    if (end + Buffer.byteLength(line) > FILE_MAX_BYTES) {
      await writeFileAtomic(this.file, `${newestOf(content)}${line}`);
      return;
    }
    const handle = await open(this.file, content.length === 0 ? 'a' : 'r+', 0o600);
    try {
      await writeLineAt(handle, end, line);
    } finally {
      await handle.close();
    }
    if (content.length === 0) await syncFolder(dirname(this.file));
  }

  private async content(): Promise<Buffer> {
    try {
      return await readFile(this.file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
      throw error;
    }
  }
}

/** The newest whole lines, as they stand in the file. */
function newestOf(content: Buffer): string {
  const kept: string[] = [];
  let bytes = 0;
  for (const { json } of wholeLines(content)
    .lines.slice(1 - KEPT_MAX)
    .toReversed()) {
    const line = summedLine(JSON.parse(json));
    bytes += Buffer.byteLength(line);
    if (bytes > KEPT_MAX_BYTES) break;
    kept.push(line);
  }
  return kept.toReversed().join('');
}
