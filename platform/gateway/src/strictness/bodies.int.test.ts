/** Bodies end in exactly one place: what follows them is a request of its own or nothing, and a broken one reaches nobody whole. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startTestYard } from '../testing/test-yard.ts';
import { arrivalsOf, arrive, PLAIN_PATH } from './arrival.ts';
import { startRecordingUpstream } from './recording-upstream.ts';

async function start(context: TestContext) {
  const upstream = await startRecordingUpstream(context);
  const at = [{ id: 'a', port: upstream.port }];
  const yard = await startTestYard(context, { echo: { routes: ['/'], deployments: { 'echo-1': at } } });
  return { yard, upstream, port: yard.gateway.port };
}

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const chunked = (body: string): string => `POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;

/** Nothing of it is a body that could be understood in one way only. */
const BROKEN: Readonly<Record<string, string>> = {
  'a chunk size with a sign': chunked('+5\r\nhello\r\n0\r\n\r\n'),
  'a negative chunk size': chunked('-5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size in hexadecimal notation': chunked('0x5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size behind a space': chunked(' 5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size behind an underscore': chunked('_5\r\nhello\r\n0\r\n\r\n'),
  'a chunk size in quotes': chunked('"5"\r\nhello\r\n0\r\n\r\n'),
  'an empty chunk size': chunked('\r\nhello\r\n0\r\n\r\n'),
  'a chunk size that is no number': chunked('zz\r\nhello\r\n0\r\n\r\n'),
  'a chunk size beyond 64 bits': chunked('10000000000000005\r\nhello\r\n0\r\n\r\n'),
  'a chunk size before a bare line feed': chunked('5\nhello\r\n0\r\n\r\n'),
  'a chunk size before a bare carriage return': chunked('5\rhello\r\n0\r\n\r\n'),
  'a chunk size before a space and a bare line feed': chunked('5 \nhello\r\n0\r\n\r\n'),
  'a chunk extension before a bare line feed': chunked('5;x\nhello\r\n0\r\n\r\n'),
  'a chunk extension with a NUL': chunked('5;x=\0\r\nhello\r\n0\r\n\r\n'),
  'a chunk that is longer than it says': chunked('4\r\nhello\r\n0\r\n\r\n'),
  'a chunk that is shorter than it says': chunked('6\r\nhello\r\n0\r\n\r\n'),
  'a chunk that ends with a bare line feed': chunked('5\r\nhello\n0\r\n\r\n'),
  'a chunk that ends with a bare carriage return': chunked('5\r\nhello\r0\r\n\r\n'),
  'a last chunk before a bare line feed': chunked('5\r\nhello\r\n0\n\r\n'),
  'a trailer without a colon': chunked('5\r\nhello\r\n0\r\nnonsense\r\n\r\n'),
  'a trailer with a NUL': chunked('5\r\nhello\r\n0\r\nx: \0\r\n\r\n'),
  'a trailer with a space before its colon': chunked('5\r\nhello\r\n0\r\nx : y\r\n\r\n'),
  'a folded trailer': chunked('5\r\nhello\r\n0\r\nx: y\r\n z: w\r\n\r\n'),
  'a trailer that ends with a bare line feed': chunked('5\r\nhello\r\n0\r\nx: y\n\r\n'),
};

test('a body that is broken', async (t) => {
  const { port, upstream } = await start(t);
  for (const [what, bytes] of Object.entries(BROKEN))
    await t.test(`${what}: the connection ends, and no service gets a whole request of it`, async () => {
      for (const arrival of arrivalsOf(bytes + SMUGGLED)) {
        upstream.requests.length = 0;
        const { answers, fault, all, wasClosed } = await arrive(port, bytes + SMUGGLED, arrival);
        const where = `${arrival.name}: ${JSON.stringify(all)}`;
        assert.equal(fault, null, where);
        assert.ok(wasClosed, where);
        const isPlain = (nth: number): boolean => arrival.before === 'pipelined' && nth === 0;
        for (const [nth, { status }] of answers.entries())
          assert.ok(isPlain(nth) ? [200, 400].includes(status) : status === 400, where);
        assert.ok(
          upstream.requests.every(({ target }) => target === PLAIN_PATH),
          where,
        );
      }
    });
  assert.deepEqual(upstream.faults, []);
});

test('a chunk extension of any length is refused or left out, and a long one is refused', async (t) => {
  const { port, upstream } = await start(t);
  const short = chunked('5;a="b";c\r\nhello\r\n0;d\r\n\r\n').replace('Host: a\r\n', 'Host: a\r\nConnection: close\r\n');
  for (const arrival of arrivalsOf(short)) {
    upstream.requests.length = 0;
    await arrive(port, short, arrival);
    for (const { target, body } of upstream.requests)
      if (target !== PLAIN_PATH) assert.equal(body, 'hello', arrival.name);
  }
  const long = chunked(`5;${'x'.repeat(40_000)}\r\nhello\r\n0\r\n\r\n`);
  upstream.requests.length = 0;
  const { wasClosed } = await arrive(port, long, { name: 'whole', before: 'nothing', cuts: [] });
  assert.ok(wasClosed);
  assert.deepEqual(upstream.requests, []);
  assert.deepEqual(upstream.faults, []);
});

const bodied = (method: string, framing: string, body: string): string =>
  `${method} /body HTTP/1.1\r\nHost: a\r\n${framing}\r\n\r\n${body}`;
const LAST = 'GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';

/** Sound bodies that look like requests, and what a service gets. */
const SOUND: Readonly<Record<string, [string, string]>> = {
  'a body with a length that looks like a request': [
    bodied('POST', `Content-Length: ${SMUGGLED.length}`, SMUGGLED),
    SMUGGLED,
  ],
  'a chunked body that looks like a request': [
    bodied('POST', 'Transfer-Encoding: chunked', `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`),
    SMUGGLED,
  ],
  'a GET with a body that looks like a request': [
    bodied('GET', `Content-Length: ${SMUGGLED.length}`, SMUGGLED),
    SMUGGLED,
  ],
  'a GET with a chunked body': [
    bodied('GET', 'Transfer-Encoding: chunked', `${SMUGGLED.length.toString(16)}\r\n${SMUGGLED}\r\n0\r\n\r\n`),
    SMUGGLED,
  ],
  'a DELETE with a body': [bodied('DELETE', 'Content-Length: 5', 'hello'), 'hello'],
  'an OPTIONS with a body': [bodied('OPTIONS', 'Content-Length: 5', 'hello'), 'hello'],
  'a body of no bytes': [bodied('POST', 'Content-Length: 0', ''), ''],
  'a chunked body of no bytes': [bodied('POST', 'Transfer-Encoding: chunked', '0\r\n\r\n'), ''],
  'chunks whose sizes have leading zeros': [
    bodied('POST', 'Transfer-Encoding: chunked', '0005\r\nhello\r\n0000\r\n\r\n'),
    'hello',
  ],
  'a coding in large letters': [bodied('POST', 'Transfer-Encoding: CHUNKED', '5\r\nhello\r\n0\r\n\r\n'), 'hello'],
  'chunks with trailers': [
    bodied('POST', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: b\r\n\r\n'),
    'hello',
  ],
  'a length behind tabs and spaces': [bodied('POST', 'Content-Length: \t 5 \t', 'hello'), 'hello'],
  'a PUT that asks before it sends': [bodied('PUT', 'Content-Length: 5\r\nExpect: 100-continue', 'hello'), 'hello'],
};

test('a body that is sound', async (t) => {
  const { port, upstream } = await start(t);
  for (const [what, [bytes, body]] of Object.entries(SOUND))
    await t.test(`${what}: arrives as that body, and what follows it as a request of its own`, async () => {
      for (const arrival of arrivalsOf(bytes + LAST)) {
        upstream.requests.length = 0;
        const { answers, fault, all } = await arrive(port, bytes + LAST, arrival);
        const where = `${arrival.name}: ${JSON.stringify(all)}`;
        assert.equal(fault, null, where);
        const statuses = answers.map(({ status }) => status);
        assert.deepEqual(statuses, arrival.before === 'pipelined' ? [200, 200, 200] : [200, 200], where);
        const got = upstream.requests.filter(({ target }) => target !== PLAIN_PATH);
        assert.deepEqual(got.map(({ target, body }) => `${target} ${body}`).sort(), [`/body ${body}`, '/last ']);
      }
    });
  assert.deepEqual(upstream.faults, []);
});

test('a HEAD with a body is answered by a head alone, and what follows it is a request of its own', async (t) => {
  const { port, upstream } = await start(t);
  for (const bytes of [
    bodied('HEAD', 'Content-Length: 5', 'hello'),
    bodied('HEAD', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n\r\n'),
  ])
    for (const arrival of arrivalsOf(bytes + LAST)) {
      upstream.requests.length = 0;
      const methods = arrival.before === 'pipelined' ? ['GET', 'HEAD', 'GET'] : ['HEAD', 'GET'];
      const { answers, fault, rest, all } = await arrive(port, bytes + LAST, { ...arrival, methods });
      const where = `${arrival.name}: ${JSON.stringify(all)}`;
      assert.equal(fault, null, where);
      assert.equal(rest, '', where);
      assert.equal(answers.length, methods.length, where);
      assert.equal(upstream.requests.find(({ method }) => method === 'HEAD')?.body, 'hello', where);
    }
  assert.deepEqual(upstream.faults, []);
});

test('a client that leaves in the middle of its body leaves no whole request behind', async (t) => {
  const { yard, port, upstream } = await start(t);
  for (const half of [
    bodied('POST', 'Content-Length: 10', 'hello'),
    bodied('POST', 'Transfer-Encoding: chunked', '5\r\nhello\r\n'),
    bodied('POST', 'Transfer-Encoding: chunked', '5\r\nhello\r\n0\r\n'),
  ]) {
    const plain = { name: 'whole', before: 'nothing', cuts: [] } as const;
    await arrive(port, half, { ...plain, leaves: true });
    const { answers } = await arrive(port, LAST, plain);
    assert.equal(answers[0]!.status, 200);
  }
  assert.deepEqual(
    upstream.requests.map(({ target }) => target),
    ['/last', '/last', '/last'],
  );
  assert.deepEqual(upstream.faults, []);
  const { deployments } = (await (await fetch(`${yard.adminUrl}/in-flight`)).json()) as { deployments: unknown };
  assert.deepEqual(deployments, { 'echo-1': 0 });
});
