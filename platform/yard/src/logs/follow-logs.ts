/** Reads log files: their ends, and then what is added to them. */
import { open, stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { lastLines } from './last-lines.ts';
import { interleave, readLogLine } from './log-line.ts';
import type { LogLine } from './log-line.ts';
import { logFiles } from './rotation.ts';

const POLL_MS = 150;
const READ_MAX_BYTES = 1_048_576;

/** `users` of `…/logs/users/users-7.1.log`. */
const serviceOf = (file: string): string => basename(dirname(file));

/** Files of one service, or of all; without what builds wrote. */
async function filesOf(logs: string, service: string | null): Promise<string[]> {
  const files = await logFiles(logs);
  return files.filter((file) => basename(file) !== 'build.log' && (service === null || serviceOf(file) === service));
}

/** The last `count` lines of all files together, in the order of their time. */
export async function recentLines(logs: string, service: string | null, count: number): Promise<LogLine[]> {
  const lines: LogLine[] = [];
  for (const file of await filesOf(logs, service)) {
    for (const text of await lastLines(file, count)) lines.push(readLogLine(serviceOf(file), text));
  }
  return interleave(lines).slice(-count);
}

/** Calls `onLines` with what is added from now on, also to files that appear later and after a rotation; until `signal` aborts. */
export async function followLogs(
  logs: string,
  service: string | null,
  onLines: (lines: readonly LogLine[]) => void,
  signal: AbortSignal,
): Promise<void> {
  const readers = new Map<string, Reader>();
  for (const file of await filesOf(logs, service)) readers.set(file, { offset: await sizeOf(file), rest: '' });
  while (!signal.aborted) {
    const lines: LogLine[] = [];
    for (const file of await filesOf(logs, service)) {
      const reader = readers.get(file) ?? { offset: 0, rest: '' };
      readers.set(file, reader);
      for (const text of await added(file, reader)) lines.push(readLogLine(serviceOf(file), text));
    }
    if (lines.length > 0) onLines(interleave(lines));
    await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

interface Reader {
  offset: number;
  /** A line that is not complete yet. */
  rest: string;
}

async function added(file: string, reader: Reader): Promise<string[]> {
  const size = await sizeOf(file);
  let lines: string[] = [];
  if (size < reader.offset) {
    // Rotated: what had not been read yet is the end of the newest part.
    lines = await read(`${file}.1`, reader, await sizeOf(`${file}.1`));
    reader.offset = 0;
  }
  return [...lines, ...(await read(file, reader, size))];
}

async function read(file: string, reader: Reader, size: number): Promise<string[]> {
  if (size <= reader.offset) return [];
  const handle = await open(file, 'r').catch(() => null);
  if (handle === null) return [];
  try {
    const length = Math.min(size - reader.offset, READ_MAX_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, reader.offset);
    reader.offset += bytesRead;
    const lines = (reader.rest + buffer.subarray(0, bytesRead).toString('utf8')).split('\n');
    reader.rest = lines.pop()!.slice(-READ_MAX_BYTES);
    return lines.filter((line) => line !== '');
  } finally {
    await handle.close();
  }
}

const sizeOf = async (file: string): Promise<number> => (await stat(file).catch(() => null))?.size ?? 0;
