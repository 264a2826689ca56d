/** Saves the live state so that no crash, torn write or full disk loses it: two checked copies, each replaced in one step. */
import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import path from 'node:path';
import type { Logger } from '@switchyard/kit/log';
import { emptyState, liveState } from './live-state.ts';
import type { LiveState } from './live-state.ts';

const FORMAT = 'switchyard-registry-1';
/** The second copy is written after the first is safe; whatever happens to one, the other is whole. */
const NAMES = ['live.json', 'live.copy.json'] as const;

/** Both copies are unreadable: starting empty would take every service off the road, so a person has to look. */
export class StateUnreadable extends Error {
  constructor(folder: string, reasons: readonly string[]) {
    super(
      `the registry's state in ${folder} cannot be read (${reasons.join('; ')}). ` +
        `Put a good copy back, or move both files away to begin with nothing live.`,
    );
    this.name = 'StateUnreadable';
  }
}

type Copy = { state: LiveState } | { missing: true } | { reason: string };

export class StateFile {
  private readonly folder: string;
  private readonly log: Logger;
  private isCopyStale = false;

  constructor(folder: string, log: Logger) {
    this.folder = folder;
    this.log = log;
  }

  /** The newest good copy; an empty state when there was never any. @throws StateUnreadable */
  async load(): Promise<LiveState> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const copies = await Promise.all(NAMES.map((name) => this.read(name)));
    const reasons = copies.flatMap((copy) => ('reason' in copy ? [copy.reason] : []));
    const [newest] = copies
      .flatMap((copy) => ('state' in copy ? [copy.state] : []))
      .sort((a, b) => b.sequence - a.sequence);
    if (newest === undefined) {
      if (reasons.length > 0) throw new StateUnreadable(this.folder, reasons);
      return emptyState;
    }
    if (reasons.length > 0)
      this.log.error({ reasons, epoch: newest.epoch }, 'a copy of the state is damaged; going on from the good one');
    return newest;
  }

  /** Durable when it resolves. Rejects when the first copy could not be written: then the copies are as they were. */
  async save(state: LiveState): Promise<void> {
    const text = written(state);
    await this.replace(NAMES[0], text);
    try {
      await this.replace(NAMES[1], text);
      if (this.isCopyStale) this.log.info('the second copy of the state is up to date again');
      this.isCopyStale = false;
    } catch (error) {
      // Saved once is saved: the change stands, and the next save writes both again.
      if (!this.isCopyStale) this.log.error({ err: error }, 'the second copy of the state could not be written');
      this.isCopyStale = true;
    }
  }

  private async read(name: string): Promise<Copy> {
    let text: string;
    try {
      text = await readFile(path.join(this.folder, name), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { missing: true };
      return { reason: `${name}: ${(error as Error).message}` };
    }
    try {
      const file = JSON.parse(text) as { format?: unknown; sha256?: unknown; state?: unknown };
      if (file.format !== FORMAT) return { reason: `${name}: not of format ${FORMAT}` };
      if (file.sha256 !== sha256(JSON.stringify(file.state))) return { reason: `${name}: the checksum is wrong` };
      return { state: liveState.parse(file.state) };
    } catch (error) {
      return { reason: `${name}: ${(error as Error).name === 'ZodError' ? 'not a state' : 'torn or not JSON'}` };
    }
  }

  /** Temporary file, its bytes synced, renamed over the old one, the folder synced. */
  private async replace(name: string, text: string): Promise<void> {
    const target = path.join(this.folder, name);
    const temporary = `${target}.new`;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    const folder = await open(this.folder, 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const written = (state: LiveState): string =>
  `${JSON.stringify({ format: FORMAT, sha256: sha256(JSON.stringify(state)), state })}\n`;
