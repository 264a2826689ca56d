/** How column values become JavaScript values, wherever pg's default would surprise. */
import pg from 'pg';

const INT8 = 20;
const INT8_ARRAY = 1016;
const TEXT_ARRAY = 1009;
const DATE = 1082;

type Parser = (text: string) => unknown;
const parserOf = pg.types.getTypeParser as unknown as (oid: number, format?: string) => Parser;

/** @throws RangeError beyond 2^53 - 1, where a number would silently become another one */
export function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${text} does not fit a number; select it as text`);
  return value;
}

const safeIntegers: Parser = (text) =>
  (parserOf(TEXT_ARRAY)(text) as (string | null)[]).map((item) => (item === null ? null : safeInteger(item)));

const OURS = new Map<number, Parser>([
  [INT8, safeInteger],
  [INT8_ARRAY, safeIntegers],
  [DATE, (text) => text],
]);

/** int8 (and count(*)) as number, int8[] as numbers, date as `2026-01-31`; timestamptz stays a Date, numeric a string, json a value. */
export const columnTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: string) =>
    (format === 'binary' ? undefined : OURS.get(oid)) ?? parserOf(oid, format)) as typeof pg.types.getTypeParser,
};
