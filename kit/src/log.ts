/** Structured logs: one JSON object a line on standard output, with the trace id of the request it belongs to. */
import { pino } from 'pino';
import type { Logger } from 'pino';
import { writeLogLines } from './log-output.ts';
import { currentTrace } from './trace.ts';

export type { Logger } from 'pino';

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
