/** What every service made with the kit answers about itself. */
import { z } from 'zod';
import type { Operations } from './operation.ts';

export const health = z.object({
  status: z.enum(['ok', 'starting', 'draining', 'unavailable']),
  service: z.string(),
  deployment: z.string(),
  instance: z.string(),
});

export const healthOperations = {
  live: {
    method: 'GET',
    path: '/health/live',
    summary: 'The process answers',
    access: 'public',
    answer: { status: 200, schema: health },
    errors: [],
  },
  ready: {
    method: 'GET',
    path: '/health/ready',
    summary: 'It can do its work: 200, else 503',
    access: 'public',
    answer: { status: 200, schema: health },
    errors: [],
  },
} as const satisfies Operations;
