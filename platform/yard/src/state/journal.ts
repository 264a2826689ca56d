/** Journals: one file for each piece of work, to which what has been reached is appended, so that it is known after a crash at any moment. */
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { makePrivateFolder, syncFolder, writeFileAtomic } from './atomic-file.ts';
import { summedLine, wholeLines, writeLineAt } from './summed-lines.ts';

const ENDING = '.jsonl';
const ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$/;
/** A journal that would grow beyond this is written anew with its newest entry alone, which is all that anybody reads. */
const FILE_MAX_BYTES = 1_048_576;

export interface OpenedJournal<T> {
  /** The last good entry of each piece of work, by its id. */
  readonly entries: Map<string, T>;
  /** A sentence for each file that tells nothing; such a file is kept beside the others, as `.damaged`. */
  readonly faults: string[];
}

/** One process at a time may write; what it calls at once is done one after the other. */
export class Journal<T> {
  private readonly folder: string;
  private readonly schema: z.ZodType<T>;
  /** Those whose file's name this process has made durable. */
  private readonly named = new Set<string>();
  private turn: Promise<unknown> = Promise.resolve();

  /** `folder` is made with the first entry. */
  constructor(folder: string, schema: z.ZodType<T>) {
    this.folder = folder;
    this.schema = schema;
  }

  /** On disk once it resolves. Throws when it could not be written; the entry before is then still the last. */
  append(id: string, entry: T): Promise<void> {
    return this.inTurn(async () => {
      const line = summedLine(entry);
      // What could not be read again is better refused now than found after a crash.
      this.schema.parse(JSON.parse(JSON.stringify(entry)));
      const file = this.fileOf(id);
      // Read again each time: journals are short, and a remembered end would be wrong for a file that somebody has removed.
      const end = await this.endOf(file);
      if (end > 0 && end + Buffer.byteLength(line) > FILE_MAX_BYTES) return writeFileAtomic(file, line);
      const handle = await this.openForWriting(file);
      try {
        await writeLineAt(handle, end, line);
      } finally {
        await handle.close();
      }
      if (this.named.has(id)) return;
      // Also when the file was there: whoever made it may have died before its name was on disk.
      await syncFolder(this.folder);
      this.named.add(id);
    });
  }

  /** The last good entry; null when there is none. */
  last(id: string): Promise<T | null> {
    return this.inTurn(async () => {
      const read = await this.read(this.fileOf(id));
      return read.kind === 'good' ? read.entry : null;
    });
  }

  /** What was under way when the last writer ended. Only a folder that cannot be read at all throws. */
  open(): Promise<OpenedJournal<T>> {
    return this.inTurn(async () => {
      const entries = new Map<string, T>();
      const faults: string[] = [];
      for (const name of await this.names()) {
        const file = join(this.folder, name);
        const read = await this.read(file);
        if (read.kind === 'good') entries.set(name.slice(0, -ENDING.length), read.entry);
        else if (read.kind === 'bad') faults.push(`${file} ${read.reason}; ${await this.setAside(file)}`);
      }
      return { entries, faults };
    });
  }

  /** Forgets a piece of work, durably; nothing happens when there is none. */
  remove(id: string): Promise<void> {
    return this.inTurn(async () => {
      this.named.delete(id);
      try {
        await rm(this.fileOf(id));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
        throw error;
      }
      await syncFolder(this.folder);
    });
  }

  private async names(): Promise<string[]> {
    const names = await readdir(this.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    return names.filter((name) => name.endsWith(ENDING)).sort();
  }

  private async read(file: string): Promise<ReadJournal<T>> {
    let content: Buffer;
    try {
      content = await readFile(file);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code === 'ENOENT' ? { kind: 'absent' } : { kind: 'bad', reason: `cannot be read (${code ?? message})` };
    }
    const last = wholeLines(content).lines.at(-1);
    if (last === undefined) return { kind: 'bad', reason: 'has no line that is whole' };
    const parsed = this.schema.safeParse(JSON.parse(last.json));
    // Going on from the line before would undo what this one says has happened: nothing is safer than the wrong stage.
    return parsed.success
      ? { kind: 'good', entry: parsed.data }
      : { kind: 'bad', reason: 'was written by another version of the yard, which this one does not understand' };
  }

  /** Where its last good line ends, in bytes; 0 without one. */
  private async endOf(file: string): Promise<number> {
    try {
      return wholeLines(await readFile(file)).lines.at(-1)?.endsAtByte ?? 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  private async openForWriting(file: string): Promise<FileHandle> {
    try {
      return await open(file, 'r+');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await makePrivateFolder(this.folder);
    await syncFolder(dirname(this.folder));
    this.named.clear();
    return open(file, 'wx', 0o600);
  }

  /** Says what became of it. */
  private async setAside(file: string): Promise<string> {
    try {
      const taken = new Set(await readdir(this.folder));
      const free = (number: number): string => {
        const aside = `${file}.damaged${number === 1 ? '' : `-${number}`}`;
        return taken.has(aside.slice(this.folder.length + 1)) ? free(number + 1) : aside;
      };
      const aside = free(1);
      await rename(file, aside);
      return `it is kept as ${aside}`;
    } catch (error) {
      return `it could not be set aside: ${(error as Error).message}`;
    }
  }

  private fileOf(id: string): string {
    if (!ID.test(id)) throw new Error(`${id} is no name for a journal`);
    return join(this.folder, `${id}${ENDING}`);
  }

  private inTurn<R>(work: () => Promise<R>): Promise<R> {
    const result = this.turn.then(work);
    this.turn = result.catch(() => undefined);
    return result;
  }
}

type ReadJournal<T> =
  | { readonly kind: 'good'; readonly entry: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'bad'; readonly reason: string };
