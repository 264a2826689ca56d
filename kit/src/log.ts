/** Structured logs: one JSON object a line on standard output, with the trace id of the request it belongs to. */
import { writeSync } from 'node:fs';
import { pino } from 'pino';
import type { Logger } from 'pino';
import { currentTrace } from './trace.ts';

export type { Logger } from 'pino';

const STANDARD_OUTPUT = 1;

/**
 * Writes whole lines at once. What cannot be written (a full disk) is dropped, because a service is worth more than its log; never throws.
 */
export function writeLogLines(lines: string): void {
  let left: Uint8Array = Buffer.from(lines);
  try {
    while (left.length > 0) left = left.subarray(writeSync(STANDARD_OUTPUT, left));
  } catch (error) {
    // A pipe whose reader is slow takes the rest later.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') process.stdout.write(left, () => undefined);
  }
}

/** Its errors come as events, which nobody else listens to. */
process.stdout.on('error', () => undefined);

/** Fields of every line: who writes it. Secrets under the usual names are replaced by `[redacted]`. */
export function createLogger(from: {
  service: string;
  deployment?: string;
  instance?: string;
  level?: string;
}): Logger {
  const { level = 'info', ...bindings } = from;
  return pino(
    {
      level,
      base: bindings,
      messageKey: 'message',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: {
        paths: ['password', '*.password', 'token', '*.token', '*.authorization', '*.cookie'],
        censor: '[redacted]',
      },
      mixin: () => {
        const trace = currentTrace();
        return trace === undefined ? {} : { traceId: trace.traceId, requestId: trace.requestId };
      },
    },
    { write: writeLogLines },
  );
}
