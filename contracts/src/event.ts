/** Events: facts that happened, as CloudEvents 1.0 JSON, and the HTTP log that they are read from. */
import { z } from 'zod';
import type { Operations } from './operation.ts';
import { timestamp } from './page.ts';

/** CloudEvents 1.0 envelope. `sequence` is the version of the aggregate named by `subject`: 1, 2, 3 … without a gap. */
export const cloudEvent = z.object({
  specversion: z.literal('1.0'),
  id: z.string().min(1).max(100),
  source: z.string().min(1).max(100).describe('`/` and the name of the producing service'),
  type: z.string().regex(/^[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\.[a-z][a-z0-9-]*\.v[1-9][0-9]*$/),
  subject: z.string().min(1).max(100),
  sequence: z.int().min(1),
  time: timestamp,
  datacontenttype: z.literal('application/json'),
  traceparent: z.string().optional(),
  data: z.json().describe('null once the payload was erased with its account'),
});
export type CloudEvent = z.infer<typeof cloudEvent>;

export const eventsQuery = z.strictObject({
  after: z.string().max(200).default('').describe('Cursor of the last event that was read; empty: from the beginning'),
  limit: z.coerce.number().int().min(1).max(1000).default(200),
  waitMs: z.coerce
    .number()
    .int()
    .min(0)
    .max(30_000)
    .default(0)
    .describe('How long to wait for an event when there is none'),
});

/** `cursor` stands for the end of `events`; give it as `after`. Delivery in log order, which keeps the order of each subject. */
export const eventPage = z.object({
  events: z.array(cloudEvent.extend({ cursor: z.string() })),
  cursor: z.string(),
});
export type EventPage = z.infer<typeof eventPage>;

export const eventLogOperations = {
  readEvents: {
    method: 'GET',
    path: '/internal/events',
    summary: 'The log of events, in order',
    access: 'service',
    query: eventsQuery,
    answer: { status: 200, schema: eventPage },
    errors: [],
  },
} as const satisfies Operations;

/** An event that a service could not apply; later ones of its subject wait behind it. */
export const deadLetter = z.object({
  producer: z.string(),
  subject: z.string(),
  sequence: z.int(),
  event: cloudEvent,
  error: z.string().describe('Why it could not be applied the last time'),
  attempts: z.int(),
  diedAt: timestamp,
  parked: z.int().describe('Later events of its subject that wait behind it'),
});
export const deadLettersQuery = z.strictObject({
  producer: z.string().max(100).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
});
export const replay = z.strictObject({
  producer: z.string().min(1).max(100),
  subject: z.string().min(1).max(100).optional().describe('Only its; all of the producer without it'),
});

export const deadLetterOperations = {
  listDeadLetters: {
    method: 'GET',
    path: '/internal/dead-letters',
    summary: 'Events that could not be applied, oldest first',
    access: 'service',
    query: deadLettersQuery,
    answer: { status: 200, schema: z.object({ items: z.array(deadLetter) }) },
    errors: [],
  },
  replayDeadLetters: {
    method: 'POST',
    path: '/internal/dead-letters/replay',
    summary: 'Try them again, in order; those that fail again are dead letters again',
    access: 'service',
    body: replay,
    answer: { status: 202, schema: z.object({ replayed: z.int() }) },
    errors: [],
  },
} as const satisfies Operations;

/** One kind of event: its type, what its subject is, and the schema of its data. */
export interface EventContract {
  readonly type: string;
  readonly summary: string;
  readonly subject: string;
  readonly data: z.ZodType;
}
export type EventContracts = Readonly<Record<string, EventContract>>;
