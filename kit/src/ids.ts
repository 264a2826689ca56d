/** Identifiers: UUID version 7 (RFC 9562 section 5.7), which sort by the time of their making. */
import { pooledRandom } from './pooled-random.ts';

let lastMs = 0;
let counter = 0;

/**
 * A new UUIDv7. Within one process ids never go backwards: a 12-bit counter (rand_a) orders those of one
 * millisecond (RFC 9562 section 6.2, method 1), and a clock that jumps back is held at its last value.
 */
export function uuidv7(nowMs: number = Date.now()): string {
  const random = pooledRandom(10);
  if (nowMs > lastMs) {
    lastMs = nowMs;
    counter = random.readUInt16BE(8) & 0x7ff;
  } else if (++counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  const time = lastMs.toString(16).padStart(12, '0');
  const randA = counter.toString(16).padStart(3, '0');
  const variant = ((random[0]! & 0x3f) | 0x80).toString(16).padStart(2, '0');
  const randB = random.subarray(1, 8).toString('hex');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randA}-${variant}${randB.slice(0, 2)}-${randB.slice(2)}`;
}
