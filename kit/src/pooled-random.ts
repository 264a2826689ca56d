/** Random bytes out of a pool: filling one costs a system call, which per request is a noticeable part of what a request costs. */
import { randomFillSync } from 'node:crypto';

const pool = Buffer.alloc(4_096);
let used = pool.length;

/** `count` bytes (at most 256) from the operating system's generator, each handed out once; valid until the caller yields. For ids, not for keys. */
export function pooledRandom(count: number): Buffer {
  if (used + count > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
