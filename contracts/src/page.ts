/** Lists: keyset pages asked for with `limit` and an opaque `cursor`. */
import { z } from 'zod';

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20).describe('Items on the page'),
  cursor: z.string().min(1).max(500).optional().describe('`nextCursor` of the page before; opaque'),
});
export type PageQuery = z.infer<typeof pageQuery>;

export const pageOf = <T extends z.ZodType>(item: T) =>
  z.object({ items: z.array(item), nextCursor: z.string().nullable() });

export interface Page<T> {
  items: T[];
  /** null on the last page. */
  nextCursor: string | null;
}

/** ISO 8601 in UTC, milliseconds, `2026-01-31T12:00:00.000Z`. */
export const timestamp = z.iso.datetime();
/** UUID version 7: time-ordered (RFC 9562). */
export const id = z.uuidv7();
export const idParams = z.strictObject({ id });
