/** Trace context by the rules of W3C: what of a caller's is continued, what begins a new trace, and what a service gets of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hasAnswer, sendRaw } from '../testing/raw-client.ts';
import { startYardWith } from '../testing/test-yard.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const VALID = `00-${TRACE}-${PARENT}-01`;

async function start(t: TestContext) {
  let seen: string[] = [];
  const yard = await startYardWith(t, (request, response) => {
    seen = request.rawHeaders;
    response.end('ok');
  });
  const valuesOf = (name: string): string[] =>
    seen.filter((_value, index) => index % 2 === 1 && seen[index - 1]!.toLowerCase() === name);
  /** What the service got. */
  return async (...lines: string[]): Promise<{ traceparents: string[]; tracestates: string[] }> => {
    const bytes = ['GET / HTTP/1.1', `Host: ${yard.host}`, ...lines, '', ''].join('\r\n');
    assert.equal((await sendRaw(yard.gateway.port, bytes, hasAnswer)).status, 200);
    return { traceparents: valuesOf('traceparent'), tracestates: valuesOf('tracestate') };
  };
}

test('a valid traceparent is continued with a part of our own, in whatever spelling of its name', async (t) => {
  const sent = await start(t);
  for (const name of ['traceparent', 'TraceParent', 'TRACEPARENT']) {
    const { traceparents } = await sent(`${name}:  ${VALID} `);
    assert.equal(traceparents.length, 1);
    assert.match(traceparents[0]!, new RegExp(`^00-${TRACE}-(?!${PARENT})(?!0{16})[0-9a-f]{16}-01$`), name);
  }
});

test('a later version is read as far as it is known, and said on as version 00', async (t) => {
  const sent = await start(t);
  for (const [written, flags] of [
    [`cc-${TRACE}-${PARENT}-01`, '01'],
    [`cc-${TRACE}-${PARENT}-01-what-comes.next`, '01'],
    [`01-${TRACE}-${PARENT}-00-`, '00'],
    [`00-${TRACE}-${PARENT}-ff`, '01'],
    [`00-${TRACE}-${PARENT}-02`, '00'],
    [`cc-${TRACE}-${PARENT}-fe`, '00'],
  ] as const) {
    const [traceparent] = (await sent(`traceparent: ${written}`)).traceparents;
    assert.match(traceparent!, new RegExp(`^00-${TRACE}-[0-9a-f]{16}-${flags}$`), written);
  }
});

test('whatever breaks the rules begins a new trace, and its tracestate is dropped', async (t) => {
  const sent = await start(t);
  for (const lines of [
    ['traceparent: '],
    ['traceparent: 00'],
    [`traceparent: ff-${TRACE}-${PARENT}-01`],
    [`traceparent: 0-${TRACE}-${PARENT}-01`],
    [`traceparent: 00-${'0'.repeat(32)}-${PARENT}-01`],
    [`traceparent: 00-${TRACE}-${'0'.repeat(16)}-01`],
    [`traceparent: 00-${TRACE.toUpperCase()}-${PARENT}-01`],
    [`traceparent: 00-${TRACE}-${PARENT.toUpperCase()}-01`],
    [`traceparent: 00-${TRACE}-${PARENT}-0X`],
    [`traceparent: 00-${TRACE}-${PARENT}-1`],
    [`traceparent: 00-${TRACE}-${PARENT}`],
    [`traceparent: 00-${TRACE}-${PARENT}-`],
    [`traceparent: 00-${TRACE}1-${PARENT}-01`],
    [`traceparent: 00-${TRACE.slice(1)}-${PARENT}-01`],
    [`traceparent: 00_${TRACE}_${PARENT}_01`],
    [`traceparent: ${VALID}-`],
    [`traceparent: ${VALID}-more`],
    [`traceparent: ${VALID}.more`],
    [`traceparent: cc-${TRACE}-${PARENT}-01.more`],
    [`traceparent: cc-${TRACE}-${PARENT}-010`],
    [`traceparent: ${VALID}, ${VALID}`],
    [`traceparent: ${VALID}`, `traceparent: ${VALID}`],
    [`traceparent: ${VALID}`, `TraceParent: ${VALID}`, `traceparent: ${VALID}`],
    [`trace_parent: ${VALID}`],
  ] as [string, ...string[]][]) {
    const { traceparents, tracestates } = await sent(...lines, 'tracestate: a=b');
    assert.equal(traceparents.length, 1, lines[0]);
    assert.match(traceparents[0]!, /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-01$/, lines[0]);
    assert.ok(!traceparents[0]!.includes(TRACE), lines.join(' and '));
    assert.deepEqual(tracestates, [], lines[0]);
  }
});

test('tracestate passes on in its order, several headers as one; without a traceparent it means nothing', async (t) => {
  const sent = await start(t);
  const of = async (...lines: string[]): Promise<string[]> =>
    (await sent(`traceparent: ${VALID}`, ...lines)).tracestates;
  assert.deepEqual(await of('tracestate: foo=1,bar=2'), ['foo=1,bar=2']);
  assert.deepEqual(await of('tracestate: foo=1, bar=2', 'TraceState: rojo=3'), ['foo=1,bar=2,rojo=3']);
  assert.deepEqual(await of('tracestate: foo=1 ,\t,,bar=2', 'tracestate: '), ['foo=1,bar=2']);
  assert.deepEqual(await of('tracestate: 0tenant@vendor=a b!~', 'tracestate: a/b_c-d*e=:;'), [
    '0tenant@vendor=a b!~,a/b_c-d*e=:;',
  ]);
  const long = `${'k'.repeat(256)}=${'v'.repeat(256)}`;
  assert.deepEqual(await of(`tracestate: ${long}`), [long]);
  const most = Array.from({ length: 32 }, (_, nth) => `k${nth}=v`).join(',');
  assert.deepEqual(await of(`tracestate: ${most}`), [most]);
  assert.deepEqual((await sent('tracestate: foo=1')).tracestates, []);
  assert.deepEqual(await of('tracestate: ,'), []);
});

test('a tracestate that breaks the rules is dropped whole, the trace goes on', async (t) => {
  const sent = await start(t);
  for (const written of [
    'foo',
    'foo=',
    '=1',
    'Foo=1',
    'foo=1=2',
    'foo@=1',
    '@foo=1',
    'foo@bar@baz=1',
    'foo =1',
    'foo=1,foo=2',
    `${'k'.repeat(257)}=1`,
    `foo=${'v'.repeat(257)}`,
    `foo@${'v'.repeat(15)}=1`,
    Array.from({ length: 33 }, (_, nth) => `k${nth}=v`).join(','),
  ]) {
    const { traceparents, tracestates } = await sent(`traceparent: ${VALID}`, `tracestate: ${written}`);
    assert.ok(traceparents[0]!.startsWith(`00-${TRACE}-`));
    assert.deepEqual(tracestates, [], written.slice(0, 40));
  }
});
