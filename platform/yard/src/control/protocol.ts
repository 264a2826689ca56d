/** What commands and the supervisor say to each other over its socket: one JSON object a line, each with the version of this protocol. */
import { z } from 'zod';
import { yardEvent } from '../status/yard-event.ts';
import { yardStatus } from '../status/yard-status.ts';

export const PROTOCOL_VERSION = 1;
export const LINE_MAX_BYTES = 1_048_576;
export const CONNECTIONS_MAX = 64;

const version = z.literal(PROTOCOL_VERSION);

export const controlRequest = z.discriminatedUnion('do', [
  z.strictObject({ version, do: z.literal('status') }),
  /** Events from now on, until everything is ready or every service has had its first try. */
  z.strictObject({ version, do: z.literal('follow') }),
  /** Stops everything; events until it is done. Said again with `hasten`, nothing is waited for. */
  z.strictObject({ version, do: z.literal('down'), hasten: z.boolean() }),
  z.strictObject({ version, do: z.literal('restart'), service: z.string().max(100) }),
  z.strictObject({ version, do: z.literal('stop'), service: z.string().max(100) }),
]);
export type ControlRequest = z.infer<typeof controlRequest>;

/** Any number of events, then one `done` or `refused`. */
export const controlAnswer = z.discriminatedUnion('answer', [
  z.object({ version, answer: z.literal('event'), event: yardEvent }),
  z.object({
    version,
    answer: z.literal('done'),
    status: yardStatus.nullable(),
  }),
  z.object({ version, answer: z.literal('refused'), message: z.string(), hint: z.string().optional() }),
]);
export type ControlAnswer = z.infer<typeof controlAnswer>;
