/** What a service gets to see of a request's headers, and a client of an answer's. */
import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hasAnswer, sendRaw } from '../testing/raw-client.ts';
import type { RawAnswer } from '../testing/raw-client.ts';
import { startYardWith } from '../testing/test-yard.ts';

type Headers = Map<string, string[]>;

function headersOf(request: IncomingMessage): Headers {
  const headers: Headers = new Map();
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const name = request.rawHeaders[index]!.toLowerCase();
    headers.set(name, [...(headers.get(name) ?? []), request.rawHeaders[index + 1]!]);
  }
  return headers;
}

async function start(
  context: TestContext,
  answer: (response: ServerResponse) => void = (response) => response.end('ok'),
  environment: Readonly<Record<string, string>> = {},
) {
  let seen: Headers = new Map();
  const yard = await startYardWith(
    context,
    (request, response) => {
      seen = headersOf(request);
      request.resume();
      request.on('end', () => answer(response));
    },
    environment,
  );
  const ask = async (
    lines: readonly string[],
    first = 'GET / HTTP/1.1',
  ): Promise<{ sent: Headers; answer: RawAnswer }> => {
    const bytes = [first, `Host: ${yard.host}`, ...lines, '', ''].join('\r\n');
    const got = await sendRaw(yard.gateway.port, bytes, hasAnswer);
    return { sent: seen, answer: got };
  };
  return { ...yard, ask };
}

test('hop-by-hop headers and those that Connection names stay on their hop', async (t) => {
  const { ask } = await start(t);
  const { sent } = await ask([
    'Connection: keep-alive, X-Mine',
    'X-Mine: 1',
    'x-MINE: 2',
    'X-Theirs: 3',
    'Keep-Alive: timeout=5',
    'Proxy-Connection: keep-alive',
    'Proxy-Authorization: Basic eA==',
    'TE: trailers, deflate',
    'Trailer: X',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQAAP__',
  ]);
  for (const name of [
    'x-mine',
    'keep-alive',
    'proxy-connection',
    'proxy-authorization',
    'trailer',
    'upgrade',
    'http2-settings',
  ])
    assert.equal(sent.has(name), false, name);
  assert.deepEqual(sent.get('x-theirs'), ['3']);
  assert.deepEqual(sent.get('te'), ['trailers']);
});

test('a trace is continued, a malformed one begun anew, and the request id answered', async (t) => {
  const { ask } = await start(t);
  const traceId = '0af7651916cd43dd8448eb211c80319c';
  const continued = await ask([
    `traceparent: 00-${traceId}-b7ad6b7169203331-00`,
    'tracestate: a=b',
    'x-request-id: mine-1',
  ]);
  assert.match(
    continued.sent.get('traceparent')![0]!,
    new RegExp(`^00-${traceId}-(?!b7ad6b7169203331)[0-9a-f]{16}-00$`),
  );
  assert.deepEqual(continued.sent.get('tracestate'), ['a=b']);
  assert.deepEqual(continued.sent.get('x-request-id'), ['mine-1']);
  assert.equal(continued.answer.headers.get('x-request-id'), 'mine-1');
  const begun = await ask(['traceparent: 00-zz-b7ad6b7169203331-00', 'tracestate: a=b', 'x-request-id: evil"id']);
  assert.match(begun.sent.get('traceparent')![0]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.equal(begun.sent.has('tracestate'), false);
  assert.match(begun.answer.headers.get('x-request-id')!, /^[0-9a-f]{32}$/);
});

test('our own cookies stay here, others pass', async (t) => {
  const { ask } = await start(t);
  const only = await ask(['Cookie: __Host-switchyard-access=x', 'Cookie: __Host-switchyard-refresh=']);
  assert.equal(only.sent.has('cookie'), false);
  const mixed = await ask(['Cookie: a=1; __Host-switchyard-access=x; b="2"']);
  assert.deepEqual(mixed.sent.get('cookie'), ['a=1; b="2"']);
});

test('foreign credentials pass on', async (t) => {
  const { ask } = await start(t);
  assert.deepEqual((await ask(['Authorization: Basic eDp5'])).sent.get('authorization'), ['Basic eDp5']);
  assert.deepEqual((await ask(['Authorization: Bearer opaque'])).sent.get('authorization'), ['Bearer opaque']);
});

test("CORS is decided here alone: a service's own headers are removed", async (t) => {
  const { ask } = await start(
    t,
    (response) => {
      response.setHeader('access-control-allow-origin', '*');
      response.setHeader('Access-Control-Allow-Credentials', 'true');
      response.setHeader('vary', 'Accept-Encoding');
      response.end('ok');
    },
    { CORS_ORIGINS: 'http://app.example:3333' },
  );
  const stranger = (await ask(['Origin: http://evil.example'])).answer;
  assert.equal(stranger.headers.has('access-control-allow-origin'), false);
  assert.equal(stranger.headers.has('access-control-allow-credentials'), false);
  assert.equal(stranger.headers.get('vary'), 'Accept-Encoding, Origin');
  const friend = (await ask(['Origin: http://app.example:3333'])).answer;
  assert.equal(friend.headers.get('access-control-allow-origin'), 'http://app.example:3333');
  assert.equal(friend.headers.get('access-control-allow-credentials'), 'true');
  for (const near of [
    'http://app.example:33333',
    'http://app.example',
    'https://app.example:3333',
    'null',
    'http://xapp.example:3333',
  ])
    assert.equal((await ask([`Origin: ${near}`])).answer.headers.has('access-control-allow-origin'), false, near);
});

test('preflights are answered here, and only to allowed origins', async (t) => {
  let asked = 0;
  const { ask } = await start(
    t,
    (response) => {
      asked += 1;
      response.end();
    },
    { CORS_ORIGINS: 'http://app.example:3333' },
  );
  const lines = ['Access-Control-Request-Method: PATCH', 'Access-Control-Request-Headers: content-type'];
  const friend = (await ask(['Origin: http://app.example:3333', ...lines], 'OPTIONS /api HTTP/1.1')).answer;
  assert.equal(friend.status, 204);
  assert.equal(friend.headers.get('access-control-allow-origin'), 'http://app.example:3333');
  assert.match(friend.headers.get('access-control-allow-methods')!, /PATCH/);
  assert.equal(friend.headers.get('access-control-allow-headers'), 'content-type');
  assert.match(friend.headers.get('vary')!, /Origin/);
  assert.ok(Number(friend.headers.get('access-control-max-age')) > 0);
  const stranger = (await ask(['Origin: http://evil.example', ...lines], 'OPTIONS /api HTTP/1.1')).answer;
  assert.equal(stranger.status, 403);
  assert.equal(stranger.headers.has('access-control-allow-origin'), false);
  assert.equal(asked, 0);
  assert.equal((await ask([], 'OPTIONS /api HTTP/1.1')).answer.status, 200);
  assert.equal(asked, 1);
});

test("a service's cookies pass, but it cannot set ours, nor an identity", async (t) => {
  const { ask } = await start(t, (response) => {
    response.setHeader('set-cookie', ['a=1', '__Host-switchyard-access=forged; Path=/', 'b=2']);
    response.setHeader('x-switchyard-identity', 'leaked');
    response.setHeader('connection', 'keep-alive, x-hop');
    response.setHeader('x-hop', '1');
    response.setHeader('x-end', '2');
    response.end('ok');
  });
  const { answer } = await ask([]);
  assert.equal(answer.headers.get('set-cookie'), 'a=1\nb=2');
  assert.equal(answer.headers.has('x-switchyard-identity'), false);
  assert.equal(answer.headers.has('x-hop'), false);
  assert.equal(answer.headers.get('x-end'), '2');
});
