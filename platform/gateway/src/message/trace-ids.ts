/** Request ids and W3C Trace Context ids, from random bytes that are drawn in bulk. */
import { randomFillSync } from 'node:crypto';

const pool = Buffer.allocUnsafe(8_192);
let used = pool.length;

/** Lower-case hex of `bytes` random bytes; at most 32. */
function randomHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}

export const newTraceId = (): string => randomHex(16);
export const newSpanId = (): string => randomHex(8);

/** What is taken over from outside as a request's id: it goes into logs and answers, so it is short and plain. */
const REQUEST_ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const isRequestId = (header: string): boolean => REQUEST_ID.test(header);
