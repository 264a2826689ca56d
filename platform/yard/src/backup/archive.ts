/** Packs a folder into one file and unpacks it, by the system's own tar (GNU's or BSD's). */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Arguments that both tars understand. */
export const packArguments = (folder: string, entries: readonly string[]): string[] => [
  '-c',
  '-z',
  '-f',
  '-',
  '-C',
  folder,
  ...entries,
];
export const unpackArguments = (folder: string, entries: readonly string[]): string[] => [
  '-x',
  '-z',
  '-f',
  '-',
  '-C',
  folder,
  ...(process.getuid?.() === 0 ? ['--no-same-owner'] : []),
  ...entries,
];

/** Writes `file` whole or not at all, readable by its owner alone. */
export async function pack(
  folder: string,
  entries: readonly string[],
  file: string,
  signal: AbortSignal,
): Promise<void> {
  const making = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const target = await open(making, 'wx', 0o600);
    try {
      await runTar(packArguments(folder, entries), 'ignore', target.fd, signal);
      await target.sync();
    } finally {
      await target.close();
    }
    await rename(making, file);
    const parent = await open(dirname(file), 'r');
    try {
      await parent.sync();
    } finally {
      await parent.close();
    }
  } catch (error) {
    await rm(making, { force: true });
    throw error;
  }
}

/** Unpacks the named entries. What was in the archive is judged by its manifest afterwards. */
export async function unpack(
  file: string,
  entries: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const source = await open(file, 'r');
  try {
    await runTar(unpackArguments(folder, entries), source.fd, 'ignore', signal);
  } finally {
    await source.close();
  }
}

async function runTar(
  args: readonly string[],
  stdin: number | 'ignore',
  stdout: number | 'ignore',
  signal: AbortSignal,
): Promise<void> {
  const child = spawn('tar', args, {
    stdio: [stdin, stdout, 'pipe'],
    signal,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C' },
  });
  let said = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2_000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code === 0) return;
  const line =
    said
      .trim()
      .split('\n')
      .find((each) => each !== '') ?? `exit code ${code}`;
  throw new Error(/No space left/.test(said) ? 'the disk is full' : line.replace(/^tar: /, ''));
}
