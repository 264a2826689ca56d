/** Where log lines go: standard output, and nowhere when that takes none (a full disk), because a service is worth more than its log. */
import { writeSync } from 'node:fs';

const STANDARD_OUTPUT = 1;

/** Writes whole lines at once. What cannot be written is dropped; never throws. */
export function writeLogLines(lines: string): void {
  let left: Uint8Array = Buffer.from(lines);
  try {
    while (left.length > 0) left = left.subarray(writeSync(STANDARD_OUTPUT, left));
  } catch (error) {
    // A pipe whose reader is slow takes the rest later.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stdout.write(left, () => undefined);
  }
}

/** Errors of `process.stdout` come as events, which nobody else listens to. */
process.stdout.on('error', () => undefined);
