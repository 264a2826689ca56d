/** What commands and the supervisor say to each other over its socket: one JSON object a line, each with the version of this protocol. */
import { z } from 'zod';
import { swapReport } from '../swap/swap-report.ts';
import { swapRequest } from '../swap/swap-request.ts';
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
  /** Events until it is over (or drained, or a preview stands); then `swapped`. */
  z.strictObject({ version, do: z.literal('swap'), swap: swapRequest }),
  /** Gives up a swap that is before its commit; takes back one that is in its bake. */
  z.strictObject({ version, do: z.literal('abort'), service: z.string().max(100) }),
  /** Ends a preview or a canary by making it live, or a bake by keeping what is live; then as `swap`. */
  z.strictObject({ version, do: z.literal('promote'), service: z.string().max(100), waitsForBake: z.boolean() }),
  /** Waits until no interrupted swap is left undecided. */
  z.strictObject({ version, do: z.literal('resume') }),
]);
export type ControlRequest = z.infer<typeof controlRequest>;

/** Any number of events, then one `done`, `swapped` or `refused`. */
export const controlAnswer = z.discriminatedUnion('answer', [
  z.object({ version, answer: z.literal('event'), event: yardEvent }),
  z.object({
    version,
    answer: z.literal('done'),
    status: yardStatus.nullable(),
  }),
  /** How a swap stands: over (`report`), or going on by itself (a preview, a canary, a bake). One report for each swap that `resume` settled. */
  z.object({
    version,
    answer: z.literal('swapped'),
    exitCode: z.int().min(0).max(5),
    report: swapReport.nullable(),
    /** What goes on, and how to end it; empty when nothing does. */
    goingOn: z.string(),
  }),
  z.object({
    version,
    answer: z.literal('refused'),
    message: z.string(),
    hint: z.string().optional(),
    /** Default 1. */
    exitCode: z.int().min(1).max(5).optional(),
  }),
]);
export type ControlAnswer = z.infer<typeof controlAnswer>;
