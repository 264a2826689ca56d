/** Checks what a request carries against its schema; every fault gets its place. */
import type { z } from 'zod';
import { refuse, RefusedRequest, requestErrors } from '../errors.ts';

/**
 * The parsed value. `where` begins the place of each fault: `body`, `query`, `path`, `header` or `message`.
 *
 * @throws RefusedRequest (REQUEST_INVALID, 400) with all faults
 */
export function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: 'body' | 'query' | 'path' | 'header' | 'message',
): z.infer<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => ({
    at: [where, ...issue.path.map(String)].join('.'),
    message: issue.message,
  }));
  throw new RefusedRequest(
    refuse(requestErrors.INVALID, {
      detail: faults.map((fault) => `${fault.at}: ${fault.message}`).join('; '),
      faults,
    }),
  );
}
