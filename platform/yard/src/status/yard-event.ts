/** What a supervisor tells those who watch it: progress, faults, and the moment everything runs. */
import { z } from 'zod';
import { swapEvent } from '../swap/swap-report.ts';
import type { Phase } from '../keeping/instance-phase.ts';

const phases = [
  'waiting',
  'preparing',
  'starting',
  'ready',
  'pausing',
  'stopping',
  'stopped',
] as const satisfies readonly Phase[];

/** `part`: a service, `registry`, `gateway` or `postgres`. `atMs`: milliseconds since the supervisor began. */
export const yardEvent = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('phase'),
    part: z.string(),
    phase: z.enum(phases),
    /** What it waits for, is being done, or where it answers. */
    detail: z.string(),
    /** How long the way to `ready` took; null for other phases. */
    tookMs: z.number().nullable(),
    atMs: z.number(),
  }),
  z.object({
    kind: z.literal('fault'),
    part: z.string(),
    /** One sentence. */
    message: z.string(),
    /** Last lines of its log. */
    lines: z.array(z.string()),
    /** Whether the same was told before. */
    isRepeated: z.boolean(),
    atMs: z.number(),
  }),
  z.object({ kind: z.literal('note'), part: z.string(), message: z.string(), atMs: z.number() }),
  /** Once, when every service and the gateway are ready. */
  z.object({ kind: z.literal('ready'), url: z.string(), tookMs: z.number(), atMs: z.number() }),
  swapEvent.extend({ atMs: z.number() }),
]);
export type YardEvent = z.infer<typeof yardEvent>;

/** An event without the time, which the supervisor adds. */
export type Told = YardEvent extends infer E ? (E extends YardEvent ? Omit<E, 'atMs'> : never) : never;
