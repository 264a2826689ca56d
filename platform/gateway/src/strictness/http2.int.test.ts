/** Requests of HTTP/2 that would become two, or another one, in HTTP/1.1 behind the gateway; and clients that only make work. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { constants } from 'node:http2';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { askStream, startSecureYard } from '../testing/secure-yard.ts';
import type { SecureYard } from '../testing/secure-yard.ts';
import {
  END_HEADERS,
  END_STREAM,
  exchangeFrames,
  fieldBlock,
  FRAME,
  frame,
  GET,
  getWith,
  request,
} from '../testing/raw-http2.ts';
import type { Fields } from '../testing/raw-http2.ts';

interface Recording {
  readonly yard: SecureYard;
  readonly seen: IncomingMessage[];
  /** Requests that the service has and that have not ended. */
  open: number;
}

/** `/hang` is never answered. */
async function start(t: TestContext): Promise<Recording> {
  const seen: IncomingMessage[] = [];
  const recording: Omit<Recording, 'yard'> = { seen, open: 0 };
  const yard = await startSecureYard(t, (asked, response) => {
    seen.push(asked);
    recording.open += 1;
    response.on('close', () => (recording.open -= 1));
    asked.on('error', () => {});
    asked.resume();
    if (asked.url !== '/hang') asked.on('end', () => response.end('ok'));
  });
  return Object.assign(recording, { yard });
}

/** Ends unanswered, by PROTOCOL_ERROR on its stream or a cut connection. */
const UNREAD: Readonly<Record<string, Fields>> = {
  'Transfer-Encoding: chunked (HTTP/2 downgrade, TE.CL)': [...GET, ['transfer-encoding', 'chunked']],
  Connection: [...GET, ['connection', 'x-a']],
  'Proxy-Connection': [...GET, ['proxy-connection', 'keep-alive']],
  'Keep-Alive': [...GET, ['keep-alive', 'timeout=5']],
  Upgrade: [...GET, ['upgrade', 'h2c']],
  'TE: gzip': [...GET, ['te', 'gzip']],
  'a name in capitals': [...GET, ['X-Upper', '1']],
  'a line break in :path': getWith({ ':path': '/x HTTP/1.1\r\nhost: evil\r\n\r\nGET /y' }),
  'a space in :path': getWith({ ':path': '/x y' }),
  'no :path': getWith({ ':path': undefined }),
  'an empty :path': getWith({ ':path': '' }),
  'an absolute :path': getWith({ ':path': 'http://evil/x' }),
  'a request line in :method': getWith({ ':method': 'GET /admin HTTP/1.1\r\nx:' }),
  'a space in :method': getWith({ ':method': 'GET /admin' }),
  'an empty :method': getWith({ ':method': '' }),
  'no :method': getWith({ ':method': undefined }),
  'no :scheme': getWith({ ':scheme': undefined }),
  'an address in :scheme': getWith({ ':scheme': 'https://evil/x?' }),
  'a user in :authority': getWith({ ':authority': 'user@localhost' }),
  'a line break in :authority': getWith({ ':authority': 'localhost\r\nx-evil: 1' }),
  'neither :authority nor host': getWith({ ':authority': undefined }),
  'two :path': getWith({}, [[':path', '/y']]),
  'two :authority': getWith({}, [[':authority', 'other']]),
  'two :method': getWith({}, [[':method', 'POST']]),
  'an unknown pseudo-header field': getWith({}, [[':foo', '1']]),
  'a :status in a request': getWith({}, [[':status', '200']]),
  'a :path after other fields': [['x-a', '1'], ...GET],
  'two hosts': [...GET, ['host', 'localhost'], ['host', 'localhost']],
  'a Content-Length with a sign': [...GET, ['content-length', '+5']],
  'two Content-Lengths': [...GET, ['content-length', '0'], ['content-length', '0']],
  'a Content-Length without a body': [...GET, ['content-length', '5']],
  ':protocol without CONNECT': getWith({}, [[':protocol', 'websocket']]),
};

for (const [name, fields] of Object.entries(UNREAD))
  test(`HTTP/2: ${name} reaches no service`, async (t) => {
    const { yard, seen } = await start(t);
    const { told, wasClosed } = await exchangeFrames(yard, [request(1, fields)]);
    assert.ok(
      wasClosed || told.includes('reset 1') || /^\{.*"status":400/.test((await answer(yard, fields)).text),
      told.join(),
    );
    assert.equal(seen.length, 0);
  });

const answer = (yard: SecureYard, fields: Fields) => exchangeFrames(yard, [request(1, fields)]);

const MALFORMED: Readonly<Record<string, Fields>> = {
  'a host that is not the :authority': [...GET, ['host', 'other']],
  ':scheme http by TLS': getWith({ ':scheme': 'http' }),
  '* instead of a path': getWith({ ':method': 'OPTIONS', ':path': '*' }),
  'a backslash in :path': getWith({ ':path': '/\\evil' }),
  'a fragment in :path': getWith({ ':path': '/x#y' }),
  'dots above the root': getWith({ ':path': '/../x' }),
  Transfer_Encoding: [...GET, ['transfer_encoding', 'chunked']],
  'Content.Length': [...GET, ['content.length', '3']],
};

for (const [name, fields] of Object.entries(MALFORMED))
  test(`HTTP/2: ${name} is answered 400, and the connection goes on`, async (t) => {
    const { yard, seen } = await start(t);
    const both = [request(1, fields), request(3, GET)];
    const { told, text } = await exchangeFrames(yard, both, (so) => so.filter((one) => one === 'end').length === 2);
    assert.match(text, /"code":"GATEWAY_REQUEST_MALFORMED"/);
    assert.equal(told.filter((one) => one === 'head').length, 2);
    assert.deepEqual(
      seen.map(({ url }) => url),
      ['/x'],
    );
  });

test('HTTP/2: fields that no service could read in one way only are not passed on', async (t) => {
  const { yard, seen } = await start(t);
  const fields: Fields = [
    ...GET,
    ['x-a', '1\r\nx-evil: 2'],
    ['x-b', '1\0'],
    ['x-c: 1\r\nx-evil', '2'],
    ['x:evil', '1'],
    ['x evil', '1'],
    ['', 'x-evil: 1'],
    ['x-kept', 'yes'],
  ];
  await exchangeFrames(yard, [request(1, fields)]);
  const asked = seen[0]!;
  assert.equal(asked.headers['x-kept'], 'yes');
  assert.doesNotMatch(asked.rawHeaders.join('\n'), /evil|x-[abc]$/m);
});

test('HTTP/2: identity from outside is removed, and cookies come as one', async (t) => {
  const { yard, seen } = await start(t);
  const fields: Fields = [
    ...GET,
    ['x-switchyard-identity', 'forged'],
    ['x_switchyard_identity', 'forged'],
    ['x-forwarded-proto', 'http'],
    ['forwarded', 'for=1.2.3.4'],
    ['cookie', 'a=1'],
    ['cookie', '__Host-switchyard-access=x'],
    ['cookie', 'b=2'],
  ];
  await exchangeFrames(yard, [request(1, fields)]);
  const { headers } = seen[0]!;
  assert.doesNotMatch(JSON.stringify(headers), /forged|1\.2\.3\.4/);
  assert.equal(headers.cookie, 'a=1; b=2');
  assert.equal(headers['x-forwarded-proto'], 'https');
});

const POST = getWith({ ':method': 'POST' });

for (const [declared, sent] of [
  [3, 'abcdef'],
  [30, 'abcdef'],
  [0, 'abc'],
] as const)
  test(`HTTP/2: a body of ${sent.length} that declares ${declared} bytes has no answer`, async (t) => {
    const { yard } = await start(t);
    const fields: Fields = [...POST, ['content-length', String(declared)]];
    const frames = [request(1, fields, true), frame(FRAME.data, END_STREAM, 1, Buffer.from(sent))];
    const { told, wasClosed } = await exchangeFrames(yard, frames);
    assert.ok(wasClosed || told.some((one) => one.startsWith('reset')), told.join());
    assert.ok(!told.includes('head'), told.join());
  });

test('HTTP/2: a Content-Length that is not plain digits is answered 400', async (t) => {
  const { yard, seen } = await start(t);
  const fields: Fields = [...POST, ['content-length', '05']];
  const frames = [request(1, fields, true), frame(FRAME.data, END_STREAM, 1, Buffer.from('abcde'))];
  assert.match((await exchangeFrames(yard, frames)).text, /"status":400/);
  assert.equal(seen.length, 0);
});

test('HTTP/2: CONNECT makes no tunnel', async (t) => {
  const { yard } = await start(t);
  for (const more of [[], [[':protocol', 'connect-udp'], ...GET.slice(1, 3)]] as Fields[]) {
    const fields: Fields = [[':method', 'CONNECT'], ...more, [':authority', 'localhost:22']];
    assert.match((await exchangeFrames(yard, [request(1, fields, true)])).text, /"status":405/);
  }
});

test('HTTP/2: a head of more than 16 KiB, or of too many fields, is answered 431', async (t) => {
  const { yard, seen } = await start(t);
  const session = yard.session();
  const long = await askStream(session, { 'x-a': 'a'.repeat(9_000), 'x-b': 'b'.repeat(9_000) });
  assert.equal(long.status, 431);
  const many = Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`x-${index}`, '1']));
  assert.equal((await askStream(session, many)).status, 431);
  assert.equal((await askStream(session, {})).status, 200);
  const piece = (name: string): Buffer => fieldBlock([[name, 'a'.repeat(16_000)]]);
  const { text } = await exchangeFrames(yard, [
    frame(FRAME.headers, END_STREAM, 1, fieldBlock(GET)),
    ...['x-a', 'x-b', 'x-c', 'x-d', 'x-e'].map((name) => frame(FRAME.continuation, 0, 1, piece(name))),
    frame(FRAME.continuation, END_HEADERS, 1, piece('x-f')),
  ]);
  assert.match(text, /"status":431/);
  assert.equal(seen.length, 1);
});

// Floods: the connection is closed, and others go on.

const many = (count: number, make: (index: number) => readonly Buffer[]): Buffer[] =>
  Array.from({ length: count }, (_, index) => make(index)).flat();
const HANG = getWith({ ':path': '/hang' });

const FLOODS: Readonly<Record<string, () => Buffer[]>> = {
  'requests that are taken back at once (rapid reset, CVE-2023-44487)': () =>
    many(3_000, (index) => [
      request(2 * index + 1, HANG),
      frame(FRAME.reset, 0, 2 * index + 1, Buffer.from([0, 0, 0, 8])),
    ]),
  'requests that make us reset them (MadeYouReset, CVE-2025-8671)': () =>
    many(3_000, (index) => [
      request(2 * index + 1, HANG, true),
      frame(FRAME.windowUpdate, 0, 2 * index + 1, Buffer.alloc(4)),
    ]),
  'a head without an end (CONTINUATION flood, CVE-2024-27983)': () => [
    frame(FRAME.headers, END_STREAM, 1, fieldBlock(GET)),
    ...many(5_000, (index) => [frame(FRAME.continuation, 0, 1, fieldBlock([[`x-${index}`, 'a']]))]),
  ],
  'PING (CVE-2019-9512)': () => many(50_000, () => [frame(FRAME.ping, 0, 0, Buffer.alloc(8))]),
  'SETTINGS (CVE-2019-9515)': () => many(50_000, () => [frame(FRAME.settings, 0, 0)]),
  'empty DATA (CVE-2019-9518)': () => [
    request(1, getWith({ ':method': 'POST', ':path': '/hang' }), true),
    ...many(50_000, () => [frame(FRAME.data, 0, 1)]),
  ],
};

for (const [name, frames] of Object.entries(FLOODS))
  test(`HTTP/2: a flood of ${name} closes its connection`, async (t) => {
    const recording = await start(t);
    const { yard } = recording;
    const { wasClosed } = await exchangeFrames(yard, frames(), () => false);
    assert.equal(wasClosed, true);
    assert.equal((await askStream(yard.session(), { ':path': '/x' })).status, 200);
    // What was begun at the service is given up with it.
    while (recording.open > 0) await new Promise(setImmediate);
    assert.ok(recording.seen.length < 1_000, `${recording.seen.length} reached the service`);
  });

test('HTTP/2: a browser may give up a page of a hundred requests three times without being sent away', async (t) => {
  const { yard } = await start(t);
  const session = yard.session();
  for (let page = 0; page < 3; page += 1) {
    const streams = Array.from({ length: 100 }, () => session.request({ ':path': '/hang' }));
    for (const stream of streams) stream.on('error', () => {});
    await Promise.all(streams.filter(({ pending }) => pending).map((stream) => once(stream, 'ready')));
    const closed = streams.map((stream) => once(stream, 'close'));
    for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await Promise.all(closed);
  }
  assert.equal((await askStream(session, { ':path': '/x' })).status, 200);
});
