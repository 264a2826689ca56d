/** The one shape of an error answer on every HTTP interface (RFC 9457, application/problem+json). */
import { z } from 'zod';

/** One fault in what was sent: where it is (JSON path, `query.limit`, `header.authorization`) and what is wrong with it. */
export const fault = z.object({ at: z.string(), message: z.string() });
export type Fault = z.infer<typeof fault>;

export const problem = z
  .object({
    type: z.string().describe('URI of the documentation of this code'),
    title: z.string().describe('What kind of error this is; the same for every occurrence'),
    status: z.int().min(400).max(599),
    code: z.string().describe('Stable code from the registry of one service, such as FEEDS_POST_TOO_LONG'),
    detail: z.string().optional().describe('What happened this time and what to do about it'),
    retryable: z.boolean().describe('Whether the same request may succeed later without a change'),
    requestId: z.string().optional(),
    errors: z.array(fault).optional().describe('Each fault found in the request'),
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof problem>;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json';
