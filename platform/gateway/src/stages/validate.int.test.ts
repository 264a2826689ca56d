/** Whatever can be understood in two ways is refused with 400, a problem document and a closed connection, and never reaches a service. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { hasAnswer, sendRaw } from '../testing/raw-client.ts';
import { startYardWith } from '../testing/test-yard.ts';

async function start(context: TestContext) {
  const seen: { method: string; url: string; rawHeaders: string[] }[] = [];
  const yard = await startYardWith(context, (request, response) => {
    seen.push({ method: request.method!, url: request.url!, rawHeaders: request.rawHeaders });
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  return { ...yard, seen, port: yard.gateway.port };
}

const head = (lines: string): string => `${lines.trim().split('\n').join('\r\n')}\r\n\r\n`;

const REFUSED: Readonly<Record<string, string>> = {
  'two Hosts': 'GET / HTTP/1.1\nHost: a\nHost: a',
  'two Hosts in two spellings': 'GET / HTTP/1.1\nHost: a\nhOST: b',
  'an empty Host': 'GET / HTTP/1.1\nHost:',
  'no Host': 'GET / HTTP/1.1\nAccept: */*',
  'a Host with @': 'GET / HTTP/1.1\nHost: user@a',
  'a Host with /': 'GET / HTTP/1.1\nHost: a/b',
  'a Host with a comma': 'GET / HTTP/1.1\nHost: a,b',
  'a Host with a space': 'GET / HTTP/1.1\nHost: a b',
  'a Host with a port that is none': 'GET / HTTP/1.1\nHost: a:99999',
  'an absolute target with another Host': 'GET http://b/ HTTP/1.1\nHost: a',
  'an absolute target whose name only contains the Host': 'GET http://a.evil/ HTTP/1.1\nHost: a',
  'an absolute target with a user': 'GET http://a@a/ HTTP/1.1\nHost: a',
  'an absolute target of another scheme': 'GET ftp://a/ HTTP/1.1\nHost: a',
  'a target *': 'GET * HTTP/1.1\nHost: a',
  'a fragment': 'GET /x#y HTTP/1.1\nHost: a',
  'a fragment after the query': 'GET /x?a#y HTTP/1.1\nHost: a',
  'a backslash in the path': 'GET /x\\y HTTP/1.1\nHost: a',
  'a target without a slash': 'GET x HTTP/1.1\nHost: a',
  'a path above the root': 'GET /../x HTTP/1.1\nHost: a',
  'an encoded path above the root': 'GET /%2e%2e/x HTTP/1.1\nHost: a',
  'dot segments behind encoded slashes': 'GET /a/..%2f..%2fb HTTP/1.1\nHost: a',
  'dot segments behind encoded backslashes': 'GET /a/..%5c..%5cb HTTP/1.1\nHost: a',
  'dot segments with parameters': 'GET /a/..;x=1/b HTTP/1.1\nHost: a',
  'an encoded NUL': 'GET /a%00b HTTP/1.1\nHost: a',
  'an encoded line break': 'GET /a%0d%0ab HTTP/1.1\nHost: a',
  'a broken percent-encoding': 'GET /a%zz HTTP/1.1\nHost: a',
  'Transfer-Encoding: ,chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: ,chunked',
  'Transfer-Encoding: gzip, chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked',
  'Transfer-Encoding: identity': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity',
  'Transfer-Encoding: chunked, chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked',
  'two Transfer-Encodings': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked',
  'Transfer-Encoding after a vertical tab': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: \x0bchunked',
  'an empty Transfer-Encoding beside a length': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\nContent-Length: 5',
  'Transfer-Encoding beside a length': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 5',
  'a length beside Transfer-Encoding': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked',
  'Transfer-Encoding in HTTP/1.0': 'POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked',
  Transfer_Encoding: 'POST / HTTP/1.1\nHost: a\nTransfer_Encoding: chunked',
  Content_Length: 'POST / HTTP/1.1\nHost: a\nContent_Length: 5',
  'Content.Length': 'POST / HTTP/1.1\nHost: a\nContent.Length: 5',
  'a space before the colon': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding : chunked',
  'Content-Length: 005': 'POST / HTTP/1.1\nHost: a\nContent-Length: 005\n\nhello',
  'Content-Length: +5': 'POST / HTTP/1.1\nHost: a\nContent-Length: +5\n\nhello',
  'Content-Length: 5, 5': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5, 5\n\nhello',
  'Content-Length: 0x5': 'POST / HTTP/1.1\nHost: a\nContent-Length: 0x5\n\nhello',
  'Content-Length: -5': 'POST / HTTP/1.1\nHost: a\nContent-Length: -5\n\nhello',
  'an empty Content-Length': 'POST / HTTP/1.1\nHost: a\nContent-Length:\n\nhello',
  'two lengths': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 5\n\nhello',
  'a header line without a colon': 'GET / HTTP/1.1\nHost: a\nnonsense',
  'a header name with a space': 'GET / HTTP/1.1\nHost: a\nx y: z',
  'a NUL in a header': 'GET / HTTP/1.1\nHost: a\nx: a\0b',
  'a bare line feed between headers': 'GET / HTTP/1.1\nHost: a\nx: y\nevil: z'.replace('x: y\n', 'x: y\x00LF\x00'),
  'an unknown Expect': 'POST / HTTP/1.1\nHost: a\nExpect: something\nContent-Length: 5',
  'two Authorizations': 'GET / HTTP/1.1\nHost: a\nAuthorization: Basic eA==\nAuthorization: Basic eQ==',
  'an upgrade with a body':
    'GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: websocket\nContent-Length: 5\n\nhello',
};

test('ambiguous requests are refused with 400 and the connection is closed', async (t) => {
  const { port, seen } = await start(t);
  for (const [what, lines] of Object.entries(REFUSED))
    await t.test(what, async () => {
      const bytes = head(lines).replace('\x00LF\x00', '\n');
      const answer = await sendRaw(port, `${bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal(answer.status, 400, answer.all);
      assert.equal(answer.headers.get('content-type'), 'application/problem+json');
      assert.equal(answer.headers.get('connection'), 'close');
      assert.ok(answer.wasClosed);
      assert.equal(answer.all.split('HTTP/1.1 ').length, 2, 'one answer and no more');
      assert.equal(JSON.parse(answer.text).code, 'GATEWAY_REQUEST_MALFORMED');
    });
  assert.deepEqual(seen, []);
});

test('a folded header line is refused or arrives as one line', async (t) => {
  const { port, seen } = await start(t);
  const answer = await sendRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n  evil: b\r\nConnection: close\r\n\r\n');
  if (answer.status === 400) return;
  const names = seen[0]!.rawHeaders.filter((_, index) => index % 2 === 0).map((name) => name.toLowerCase());
  assert.ok(!names.includes('evil'));
});

test('a head that is too large is 431, as are too many headers', async (t) => {
  const { port, seen } = await start(t);
  const large = await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`);
  assert.equal(large.status, 431);
  assert.equal(JSON.parse(large.text).code, 'GATEWAY_HEAD_TOO_LARGE');
  const many = await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(150)}\r\n`);
  assert.equal(many.status, 431);
  const veryMany = await sendRaw(port, `GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2_500)}Host: b\r\n\r\n`);
  assert.equal(veryMany.status, 431);
  assert.deepEqual(seen, []);
});

test('TRACE and CONNECT are not served', async (t) => {
  const { port, seen } = await start(t);
  assert.equal((await sendRaw(port, 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n', hasAnswer)).status, 405);
  assert.equal((await sendRaw(port, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', hasAnswer)).status, 405);
  assert.deepEqual(seen, []);
});

test('what is not HTTP gets 400', async (t) => {
  const { port } = await start(t);
  const answer = await sendRaw(port, 'SSH-2.0-OpenSSH_9.7\r\n\r\n');
  assert.equal(answer.status, 400);
  assert.equal(answer.headers.get('content-type'), 'application/problem+json');
});

test('paths are routed and forwarded in one form', async (t) => {
  const { port, seen } = await start(t);
  const forms: [string, string][] = [
    ['/a/b', '/a/b'],
    ['//a//b', '/a/b'],
    ['/a/./b', '/a/b'],
    ['/a/x/../b', '/a/b'],
    ['/a/x/%2e%2e/b', '/a/b'],
    ['/a/x/.%2E/b', '/a/b'],
    ['/%61/b', '/a/b'],
    ['/a/b/', '/a/b/'],
    ['/a/b/..', '/a/'],
    ['/%7euser/%c3%a9', '/~user/%C3%A9'],
    ['/a%2fb', '/a%2Fb'],
    ['/a%5cb', '/a%5Cb'],
    ['/a%252e%252e/b', '/a%252e%252e/b'],
    ['/.well-known/x', '/.well-known/x'],
    ['/a?b=../c&d=%2e%2e', '/a?b=../c&d=%2e%2e'],
    ['http://a/x?y', '/x?y'],
    ['http://a?y', '/?y'],
    ['http://A:80/x', '/x'],
  ];
  for (const [sent, forwarded] of forms) {
    const answer = await sendRaw(port, `GET ${sent} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    assert.equal(answer.status, 200, `${sent}: ${answer.all}`);
    assert.equal(seen.at(-1)!.url, forwarded, sent);
  }
});

test('HTTP/1.0 without a Host is served and its connection closed', async (t) => {
  const { port, seen } = await start(t);
  const answer = await sendRaw(port, 'GET /old HTTP/1.0\r\n\r\n');
  assert.equal(answer.status, 200);
  assert.equal(seen[0]!.url, '/old');
});

test('pipelined requests are answered in order', async (t) => {
  const { port, seen } = await start(t);
  const one = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const last = 'GET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n';
  const answer = await sendRaw(port, one('/1') + one('/2') + last);
  assert.equal(answer.all.match(/HTTP\/1\.1 200 OK/g)?.length, 3);
  assert.deepEqual(seen.map((request) => request.url).sort(), ['/1', '/2', '/3']);
});
