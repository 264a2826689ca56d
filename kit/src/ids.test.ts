/** Proves that ids are UUIDv7 and sort by the order of their making. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { uuidv7 } from './ids.ts';

const timeOf = (id: string) => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('ids', () => {
  it('are UUIDs of version 7 with the time in front', () => {
    const nowMs = Date.now() + 1_000_000;
    const id = uuidv7(nowMs);
    assert.ok(z.uuidv7().safeParse(id).success, id);
    assert.equal(timeOf(id), nowMs);
  });

  it('sort by the order of their making within one millisecond, beyond 4096 of them, and when the clock jumps back', () => {
    const nowMs = Date.now() + 2_000_000;
    const ids = [
      ...Array.from({ length: 10_000 }, () => uuidv7(nowMs)),
      ...Array.from({ length: 10 }, (_, n) => uuidv7(nowMs - 3_600_000 * n)),
      uuidv7(nowMs + 1_000),
    ];
    assert.deepEqual(ids, ids.toSorted());
    assert.equal(new Set(ids).size, ids.length);
    assert.ok(timeOf(ids[9_999]!) - nowMs < 10, 'and stay near the clock');
  });
});
