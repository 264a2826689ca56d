/** Lines of JSON of which each proves that it is whole: `{"sum":"…","entry":…}`, the sum being the first 16 hex digits of the entry's SHA-256. */
import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

const SUM_DIGITS = 16;
const BEFORE_SUM = '{"sum":"';
const AFTER_SUM = '","entry":';
const ENTRY_AT_BYTE = BEFORE_SUM.length + SUM_DIGITS + AFTER_SUM.length;
const NEWLINE = 0x0a;
const BRACE = 0x7d;

export interface WholeLine {
  /** JSON of the entry, as it was written. */
  readonly json: string;
  /** Offset of the byte behind its newline. */
  readonly endsAtByte: number;
}

/** A line, its newline included. */
export function summedLine(entry: unknown): string {
  const json = JSON.stringify(entry);
  return `${BEFORE_SUM}${sumOf(Buffer.from(json))}${AFTER_SUM}${json}}\n`;
}

/**
 * The lines that are whole, in their order. `damaged` counts the others; what follows the last newline is a line that is being written, or
 * whose writing was cut short, and is in neither.
 */
export function wholeLines(content: Buffer): { readonly lines: readonly WholeLine[]; readonly damaged: number } {
  const lines: WholeLine[] = [];
  let damaged = 0;
  let start = 0;
  for (let end = content.indexOf(NEWLINE); end !== -1; end = content.indexOf(NEWLINE, start)) {
    const json = entryIn(content.subarray(start, end));
    start = end + 1;
    if (json === null) damaged += 1;
    else lines.push({ json, endsAtByte: start });
  }
  return { lines, damaged };
}

/**
 * Writes a line at byte `atByte` and makes it durable; what was behind that byte goes. When it throws (ENOSPC …), nothing of the line is left,
 * as far as the file system still lets that be done.
 */
export async function writeLineAt(file: FileHandle, atByte: number, line: string): Promise<void> {
  const { size } = await file.stat();
  if (size > atByte) await file.truncate(atByte);
  const bytes = Buffer.from(line);
  try {
    for (let written = 0; written < bytes.length;) {
      written += (await file.write(bytes, written, bytes.length - written, atByte + written)).bytesWritten;
    }
    await file.sync();
  } catch (error) {
    // The reader would drop a part of a line too; the first error is the one to be told.
    await file.truncate(atByte).catch(() => undefined);
    throw error;
  }
}

/** Compared byte by byte, so that a line that was altered in any place is not whole. */
function entryIn(line: Buffer): string | null {
  const head = line.subarray(0, ENTRY_AT_BYTE).toString('latin1');
  if (!head.startsWith(BEFORE_SUM) || !head.endsWith(AFTER_SUM) || line.at(-1) !== BRACE) return null;
  const entry = line.subarray(ENTRY_AT_BYTE, -1);
  return head === `${BEFORE_SUM}${sumOf(entry)}${AFTER_SUM}` ? entry.toString('utf8') : null;
}

const sumOf = (entry: Buffer): string => createHash('sha256').update(entry).digest('hex').slice(0, SUM_DIGITS);
