/** Identifiers: UUID version 7 (RFC 9562 section 5.7), which sort by the time of their making, and random bytes for them. */
import { randomFillSync } from 'node:crypto';

/** Filling a buffer is a system call, which per request is a noticeable part of what a request costs: it is done by the hundred. */
const pool = Buffer.alloc(4_096);
let used = pool.length;

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

/** `count` bytes (at most 256) of the system's generator, each handed out once; valid until the caller yields. For ids, not for keys. */
export function pooledRandom(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
