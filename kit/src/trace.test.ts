/** Proves which trace headers are read and that a trace follows its request. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { currentTrace, enterTrace, formatTraceparent, parseTraceparent, runInTrace } from './trace.ts';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const spanId = 'b7ad6b7169203331';

describe('a trace', () => {
  it('is read from a traceparent, of later versions too', () => {
    const parsed = { traceId, spanId, sampled: true };
    assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-01`), parsed);
    assert.deepEqual(parseTraceparent(`00-${traceId}-${spanId}-02`), { ...parsed, sampled: false });
    assert.deepEqual(parseTraceparent(`cc-${traceId}-${spanId}-01-more`), parsed);
  });

  it('is not read from anything else', () => {
    for (const header of [
      undefined,
      '',
      `00-${traceId}-${spanId}`,
      `00-${traceId}-${spanId}-01-more`,
      `ff-${traceId}-${spanId}-01`,
      `00-${'0'.repeat(32)}-${spanId}-01`,
      `00-${traceId}-${'0'.repeat(16)}-01`,
      `00-${traceId.toUpperCase()}-${spanId}-01`,
      `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`,
    ])
      assert.equal(parseTraceparent(header), null, String(header));
  });

  it('is continued by a span of its own, and begun where there is none', () => {
    const continued = enterTrace(`00-${traceId}-${spanId}-00`, 'r1');
    assert.deepEqual([continued.traceId, continued.sampled, continued.requestId], [traceId, false, 'r1']);
    assert.notEqual(continued.spanId, spanId);
    const begun = enterTrace(undefined);
    assert.equal(begun.requestId, begun.traceId);
    assert.equal(parseTraceparent(formatTraceparent(begun))?.traceId, begun.traceId);
  });

  it('is carried along asynchronous calls, and no further', async () => {
    const one = enterTrace(undefined);
    await runInTrace(one, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(currentTrace(), one);
    });
    assert.equal(currentTrace(), undefined);
  });
});
