/** A path prefix that the gateway sends to a service, and what it asks of requests there. */
import { z } from 'zod';

/** Absolute, normalised path prefix without a trailing slash (but `/`), no query, no dot segments; the gateway's own `/-/` is not to be had. */
export const routePath = z
  .string()
  .max(200)
  .regex(
    /^\/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]+(?:\/[A-Za-z0-9._~!$&'()*+,;=:@-]+)*)?$/,
    'must be an absolute path such as /api/users, without a trailing slash',
  )
  .refine(
    (path) => !path.split('/').some((segment) => segment === '.' || segment === '..'),
    'must not contain . or .. segments',
  )
  .refine((path) => path !== '/-' && !path.startsWith('/-/'), 'paths below /-/ belong to the gateway');

export const rateLimit = z.strictObject({
  requests: z.int().min(1).max(1_000_000).describe('Requests per client within the window'),
  windowSeconds: z.int().min(1).max(3600).default(60),
});

export const routePolicy = z.strictObject({
  path: routePath,
  auth: z
    .enum(['required', 'optional', 'none'])
    .default('optional')
    .describe('required: 401 without an identity; optional: passed on when there is one; none: never passed on'),
  limit: rateLimit.optional(),
  timeoutMs: z.int().min(10).max(3_600_000).default(30_000).describe('Longest wait for the head of the answer'),
  hedgeAfterMs: z
    .int()
    .min(1)
    .max(3_600_000)
    .optional()
    .describe(
      'A GET or HEAD without the head of an answer after this long is sent to a second instance too, and the first answer counts; absent: never',
    ),
  bodyLimitBytes: z
    .int()
    .min(0)
    .max(1_099_511_627_776)
    .optional()
    .describe('Longest request body; unlimited when absent (services have limits of their own)'),
});
export type RoutePolicy = z.infer<typeof routePolicy>;

/** As written by people: a bare path stands for the policy with its defaults. */
export const route = z.preprocess(
  (written) => (typeof written === 'string' ? { path: written } : written),
  routePolicy,
);
