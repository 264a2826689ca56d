/** The border between frames is found however their bytes are cut. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeFrame, FrameBorder } from './frame-border.ts';

const SIZES: readonly [number, Buffer][] = [
  [0, Buffer.from([0x81, 0])],
  [5, Buffer.from([0x81, 5])],
  [125, Buffer.from([0x82, 125])],
  [126, Buffer.from([0x82, 126, 0, 126])],
  [70_000, Buffer.from([0x82, 127, 0, 0, 0, 0, 0, 1, 0x11, 0x70])],
];
const frames = SIZES.map(([size, head]) => Buffer.concat([head, Buffer.alloc(size, 0xff)]));

test('a border is reached after each frame and nowhere within one', () => {
  for (const step of [1, 2, 3, 7, 1_000, 100_000]) {
    const border = new FrameBorder();
    for (const frame of frames) {
      assert.ok(border.isReached);
      for (let index = 0; index < frame.length; index += step) {
        const isLast = index + step >= frame.length;
        border.feed(frame.subarray(index, index + step));
        assert.equal(border.isReached, isLast, `frame of ${frame.length} at ${index}, step ${step}`);
      }
    }
  }
});

test('several frames in one chunk, masked ones too', () => {
  const border = new FrameBorder();
  const masked = Buffer.from([0x81, 0x82, 1, 2, 3, 4, 0x10, 0x20]);
  border.feed(Buffer.concat([...frames, masked, masked]));
  assert.ok(border.isReached);
  border.feed(masked.subarray(0, 7));
  assert.ok(!border.isReached);
});

test('a close frame carries its code', () => {
  assert.deepEqual([...closeFrame(1012)], [0x88, 2, 0x03, 0xf4]);
});
