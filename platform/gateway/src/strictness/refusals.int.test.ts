/**
 * Whatever can be understood in two ways is refused with a problem document and a closed connection, and never reaches a
 * service: as the first request of a connection and as a later one, whole and in pieces.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { sendRaw } from '../testing/raw-client.ts';
import { startYardWith } from '../testing/test-yard.ts';
import { valuesOf } from './answer-stream.ts';
import type { ReadAnswer } from './answer-stream.ts';
import { arrivalsOf, arrive, PLAIN_PATH } from './arrival.ts';
import type { Arrival } from './arrival.ts';

/** Heads, a line a header, `\n` standing for CRLF; `␊` and `␍` stand for a bare LF and a bare CR. */
const REFUSED: Readonly<Record<string, string>> = {
  'two Hosts': 'GET / HTTP/1.1\nHost: a\nHost: a',
  'two Hosts in two spellings': 'GET / HTTP/1.1\nHost: a\nhOST: b',
  'an empty Host': 'GET / HTTP/1.1\nHost:',
  'a Host of spaces': 'GET / HTTP/1.1\nHost:   ',
  'no Host': 'GET / HTTP/1.1\nAccept: */*',
  'a Host with @': 'GET / HTTP/1.1\nHost: user@a',
  'a Host with /': 'GET / HTTP/1.1\nHost: a/b',
  'a Host with a comma': 'GET / HTTP/1.1\nHost: a,b',
  'a Host with a space': 'GET / HTTP/1.1\nHost: a b',
  'a Host with a question mark': 'GET / HTTP/1.1\nHost: a?b',
  'a Host with a fragment': 'GET / HTTP/1.1\nHost: a#b',
  'a Host with a backslash': 'GET / HTTP/1.1\nHost: a\\b',
  'a Host with a percent-encoding': 'GET / HTTP/1.1\nHost: a%2eb',
  'a Host with a port that is none': 'GET / HTTP/1.1\nHost: a:99999',
  'a Host with two ports': 'GET / HTTP/1.1\nHost: a:80:81',
  'a Host with an empty port': 'GET / HTTP/1.1\nHost: a:',
  'a Host with a broken bracket': 'GET / HTTP/1.1\nHost: [::1',
  'a Host beyond ASCII': 'GET / HTTP/1.1\nHost: \xe4',
  'a Host with a tab in it': 'GET / HTTP/1.1\nHost: a\tb',
  'an absolute target with another Host': 'GET http://b/ HTTP/1.1\nHost: a',
  'an absolute target whose name only contains the Host': 'GET http://a.evil/ HTTP/1.1\nHost: a',
  'an absolute target whose name the Host only contains': 'GET http://a/ HTTP/1.1\nHost: a.evil',
  'an absolute target without a Host': 'GET http://a/ HTTP/1.1\nAccept: */*',
  'an absolute target with an empty name': 'GET http:///x HTTP/1.1\nHost: a',
  'an absolute target with a user': 'GET http://a@a/ HTTP/1.1\nHost: a',
  'an absolute target of another scheme': 'GET ftp://a/ HTTP/1.1\nHost: a',
  'a target *': 'GET * HTTP/1.1\nHost: a',
  'an OPTIONS of *': 'OPTIONS * HTTP/1.1\nHost: a',
  'a fragment': 'GET /x#y HTTP/1.1\nHost: a',
  'a fragment after the query': 'GET /x?a#y HTTP/1.1\nHost: a',
  'a fragment without a path': 'GET #y HTTP/1.1\nHost: a',
  'a backslash in the path': 'GET /x\\y HTTP/1.1\nHost: a',
  'a backslash first': 'GET \\x HTTP/1.1\nHost: a',
  'a target without a slash': 'GET x HTTP/1.1\nHost: a',
  'an empty target': 'GET  HTTP/1.1\nHost: a',
  'a target with a space': 'GET /a b HTTP/1.1\nHost: a',
  'a target with a tab': 'GET /a\tb HTTP/1.1\nHost: a',
  'a target with a NUL': 'GET /a\0b HTTP/1.1\nHost: a',
  'a target with a DEL': 'GET /a\x7fb HTTP/1.1\nHost: a',
  'a target beyond ASCII': 'GET /\xc3\xa4 HTTP/1.1\nHost: a',
  'a query beyond ASCII': 'GET /?\xc3\xa4 HTTP/1.1\nHost: a',
  'a path above the root': 'GET /../x HTTP/1.1\nHost: a',
  'an encoded path above the root': 'GET /%2e%2e/x HTTP/1.1\nHost: a',
  'dot segments behind encoded slashes': 'GET /a/..%2f..%2fb HTTP/1.1\nHost: a',
  'dot segments behind encoded backslashes': 'GET /a/..%5c..%5cb HTTP/1.1\nHost: a',
  'dot segments with parameters': 'GET /a/..;x=1/b HTTP/1.1\nHost: a',
  'an encoded NUL': 'GET /a%00b HTTP/1.1\nHost: a',
  'an encoded line break': 'GET /a%0d%0ab HTTP/1.1\nHost: a',
  'a broken percent-encoding': 'GET /a%zz HTTP/1.1\nHost: a',
  'half a percent-encoding at the end': 'GET /a%2 HTTP/1.1\nHost: a',
  'HTTP/2.0 in words': 'GET / HTTP/2.0\nHost: a',
  'HTTP/1.2': 'GET / HTTP/1.2\nHost: a',
  'HTTP/0.9': 'GET / HTTP/0.9\nHost: a',
  'HTTP/0.9 without a version': 'GET /',
  'HTTP/1.10': 'GET / HTTP/1.10\nHost: a',
  'http/1.1 in small letters': 'GET / http/1.1\nHost: a',
  'another protocol': 'GET / ICAP/1.0\nHost: a',
  'a space behind the version': 'GET / HTTP/1.1 \nHost: a',
  'a tab before the target': 'GET\t/ HTTP/1.1\nHost: a',
  'a space before the method': ' GET / HTTP/1.1\nHost: a',
  'a method in small letters': 'get / HTTP/1.1\nHost: a',
  'a method that does not exist': 'GETS / HTTP/1.1\nHost: a',
  'an empty method': ' / HTTP/1.1\nHost: a',
  'Transfer-Encoding: ,chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: ,chunked',
  'Transfer-Encoding: chunked,': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked,',
  'Transfer-Encoding: gzip, chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip, chunked',
  'Transfer-Encoding: chunked, gzip': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, gzip',
  'Transfer-Encoding: identity': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity',
  'Transfer-Encoding: identity, chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity, chunked',
  'Transfer-Encoding: chunked, chunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked, chunked',
  'Transfer-Encoding: chunked;q=1': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked;q=1',
  'Transfer-Encoding: "chunked"': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: "chunked"',
  'Transfer-Encoding: xchunked': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: xchunked',
  'Transfer-Encoding: chunkedx': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunkedx',
  'two Transfer-Encodings': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked',
  'two Transfer-Encodings that differ':
    'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: identity\nTransfer-Encoding: chunked',
  'Transfer-Encoding after a vertical tab': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: \x0bchunked',
  'Transfer-Encoding before a NUL': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\0',
  'an empty Transfer-Encoding': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding:',
  'an empty Transfer-Encoding beside a length': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\nContent-Length: 5',
  'a length beside an empty Transfer-Encoding': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding:',
  'Transfer-Encoding beside a length': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\nContent-Length: 5',
  'a length beside Transfer-Encoding': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTransfer-Encoding: chunked',
  'Transfer-Encoding beside the length 0': 'POST / HTTP/1.1\nHost: a\nContent-Length: 0\nTransfer-Encoding: chunked',
  'Transfer-Encoding in HTTP/1.0': 'POST / HTTP/1.0\nHost: a\nTransfer-Encoding: chunked',
  'Transfer-Encoding in HTTP/1.0 that is kept alive':
    'POST / HTTP/1.0\nHost: a\nConnection: keep-alive\nTransfer-Encoding: chunked',
  Transfer_Encoding: 'POST / HTTP/1.1\nHost: a\nTransfer_Encoding: chunked',
  'Transfer.Encoding': 'POST / HTTP/1.1\nHost: a\nTransfer.Encoding: chunked',
  'TRANSFER_ENCODING beside a length':
    'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nTRANSFER_ENCODING: chunked\n\nhello',
  Content_Length: 'POST / HTTP/1.1\nHost: a\nContent_Length: 5',
  'Content.Length': 'POST / HTTP/1.1\nHost: a\nContent.Length: 5',
  'Content_Length beside a length': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent_Length: 6\n\nhello',
  'a space before the colon': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding : chunked',
  'a tab before the colon': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding\t: chunked',
  'a NUL before the colon': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding\0: chunked',
  'a space before the colon of Content-Length': 'POST / HTTP/1.1\nHost: a\nContent-Length : 5\n\nhello',
  'a space before the colon of Host': 'GET / HTTP/1.1\nHost : a',
  'Content-Length: 005': 'POST / HTTP/1.1\nHost: a\nContent-Length: 005\n\nhello',
  'Content-Length: 00': 'POST / HTTP/1.1\nHost: a\nContent-Length: 00',
  'Content-Length: +5': 'POST / HTTP/1.1\nHost: a\nContent-Length: +5\n\nhello',
  'Content-Length: 5, 5': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5, 5\n\nhello',
  'Content-Length: 5,': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5,\n\nhello',
  'Content-Length: 5 5': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5 5\n\nhello',
  'Content-Length: 5;x': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5;x\n\nhello',
  'Content-Length: 0x5': 'POST / HTTP/1.1\nHost: a\nContent-Length: 0x5\n\nhello',
  'Content-Length: 5e0': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5e0\n\nhello',
  'Content-Length: 5.0': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5.0\n\nhello',
  'Content-Length: -5': 'POST / HTTP/1.1\nHost: a\nContent-Length: -5\n\nhello',
  'Content-Length: "5"': 'POST / HTTP/1.1\nHost: a\nContent-Length: "5"\n\nhello',
  'a Content-Length beyond 64 bits': 'POST / HTTP/1.1\nHost: a\nContent-Length: 18446744073709551621\n\nhello',
  'a Content-Length beyond what a number holds': 'POST / HTTP/1.1\nHost: a\nContent-Length: 9007199254740993\n\nhello',
  'an empty Content-Length': 'POST / HTTP/1.1\nHost: a\nContent-Length:\n\nhello',
  'a Content-Length after a vertical tab': 'POST / HTTP/1.1\nHost: a\nContent-Length: \x0b5\n\nhello',
  'two lengths': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 5\n\nhello',
  'two lengths that differ': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length: 6\n\nhello',
  'a length and an empty one': 'POST / HTTP/1.1\nHost: a\nContent-Length: 5\nContent-Length:\n\nhello',
  'two lengths of a GET': 'GET / HTTP/1.1\nHost: a\nContent-Length: 0\nContent-Length: 40',
  'a header line without a colon': 'GET / HTTP/1.1\nHost: a\nnonsense',
  'a header without a name': 'GET / HTTP/1.1\nHost: a\n: b',
  'a header name with a space': 'GET / HTTP/1.1\nHost: a\nx y: z',
  'a header name with brackets': 'GET / HTTP/1.1\nHost: a\nx(y): z',
  'a header name beyond ASCII': 'GET / HTTP/1.1\nHost: a\nx\xe4: z',
  'a NUL in a header': 'GET / HTTP/1.1\nHost: a\nx: a\0b',
  'a control character in a header': 'GET / HTTP/1.1\nHost: a\nx: a\x1bb',
  'a DEL in a header': 'GET / HTTP/1.1\nHost: a\nx: a\x7fb',
  'a bare carriage return in a header': 'GET / HTTP/1.1\nHost: a\nx: a␍b: c',
  'a bare line feed between headers': 'GET / HTTP/1.1\nHost: a\nx: y␊evil: z',
  'a bare line feed behind the request line': 'GET / HTTP/1.1␊Host: a',
  'a bare carriage return behind the request line': 'GET / HTTP/1.1␍Host: a',
  'a head that ends with bare line feeds': 'GET / HTTP/1.1\nHost: a␊␊',
  'a carriage return twice before the line feed': 'GET / HTTP/1.1\nHost: a␍',
  'a folded line': 'GET / HTTP/1.1\nHost: a\nx: a\n b',
  'a folded line by a tab': 'GET / HTTP/1.1\nHost: a\nx: a\n\tb',
  'a folded Transfer-Encoding': 'POST / HTTP/1.1\nHost: a\nTransfer-Encoding:\n chunked',
  'a folded line that would be a header': 'POST / HTTP/1.1\nHost: a\nx: y\n Transfer-Encoding: chunked',
  'a first header line that begins with a space': 'GET / HTTP/1.1\n Host: a\nHost: b',
  'an unknown Expect': 'POST / HTTP/1.1\nHost: a\nExpect: something\nContent-Length: 5',
  'two Expects': 'POST / HTTP/1.1\nHost: a\nExpect: 100-continue\nExpect: 100-continue\nContent-Length: 5',
  'two Authorizations': 'GET / HTTP/1.1\nHost: a\nAuthorization: Basic eA==\nAuthorization: Basic eQ==',
  'two Origins': 'GET / HTTP/1.1\nHost: a\nOrigin: http://a\nOrigin: http://b',
  'two Content-Types': 'POST / HTTP/1.1\nHost: a\nContent-Type: a/b\nContent-Type: c/d\nContent-Length: 5\n\nhello',
  'another protocol altogether': 'SSH-2.0-OpenSSH_9.7',
  'the preface of HTTP/2': 'PRI * HTTP/2.0\n\nSM\n',
  'the first bytes of TLS': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
};

const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n';
const bytesOf = (lines: string): string =>
  `${lines.replaceAll('\n', '\r\n').replaceAll('␊', '\n').replaceAll('␍', '\r')}\r\n\r\n`;

async function start(context: TestContext) {
  const seen: string[] = [];
  const yard = await startYardWith(context, (request, response) => {
    seen.push(request.url!);
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  return { ...yard, seen, port: yard.gateway.port };
}

function isProblem(answer: ReadAnswer, status: number, code: string): void {
  assert.equal(answer.status, status);
  assert.deepEqual(valuesOf(answer, 'content-type'), ['application/problem+json']);
  assert.deepEqual(valuesOf(answer, 'connection'), ['close']);
  assert.equal((JSON.parse(answer.body) as { code: string }).code, code);
}

/** Sends `bytes` in every way; each ends with the refusal, and no service sees anything but the plain request before. */
async function isRefused(
  { port, seen }: { readonly port: number; readonly seen: string[] },
  bytes: string,
  status = 400,
  code = 'GATEWAY_REQUEST_MALFORMED',
  arrivals: readonly Arrival[] = arrivalsOf(bytes),
): Promise<void> {
  for (const arrival of arrivals) {
    seen.length = 0;
    const { answers, fault, rest, all, wasClosed } = await arrive(port, bytes, arrival);
    try {
      assert.equal(fault, null);
      assert.equal(rest, '');
      assert.ok(wasClosed, 'the connection is closed');
      const answered = [...answers];
      // Who sends more before the answer is there may lose both to the closed connection; he gets no other answers.
      if (arrival.before === 'pipelined') {
        const first = answered[0];
        if (first?.status === 200) answered.shift();
      } else assert.equal(answered.length, 1, 'one answer and no more');
      for (const answer of answered) isProblem(answer, status, code);
      assert.ok(answered.length <= 1, 'one answer and no more');
      assert.deepEqual(
        seen.filter((path) => path !== PLAIN_PATH),
        [],
      );
      assert.ok(seen.length <= (arrival.before === 'nothing' ? 0 : 1), `${seen.length} requests went through`);
    } catch (error) {
      throw new Error(`${arrival.name}, answered by ${JSON.stringify(all)}`, { cause: error });
    }
  }
}

test('what can be understood in two ways', async (t) => {
  const yard = await start(t);
  for (const [what, lines] of Object.entries(REFUSED))
    await t.test(`${what}: refused, and what follows on the connection is no request`, async () => {
      await isRefused(yard, bytesOf(lines) + SMUGGLED);
    });
});

test('an upgrade with a body is refused, and what follows on the connection is no request', async (t) => {
  const yard = await start(t);
  const upgrade = 'GET / HTTP/1.1\nHost: a\nConnection: upgrade\nUpgrade: websocket\nContent-Length: 5\n\nhello';
  const bytes = bytesOf(upgrade) + SMUGGLED;
  // Behind a request that is not answered yet, no upgrade is one.
  const alone = arrivalsOf(bytes).filter(({ before }) => before !== 'pipelined');
  await isRefused(yard, bytes, 400, 'GATEWAY_REQUEST_MALFORMED', alone);
});

/** Leniencies of parsers that change nothing: refused, or understood as the plain request and passed on as that. */
const TOLERATED: Readonly<Record<string, string>> = {
  'two spaces before the target': 'GET  /x HTTP/1.1\nHost: a',
  'two spaces before the version': 'GET /x  HTTP/1.1\nHost: a',
  'an empty line before the request': '\nGET /x HTTP/1.1\nHost: a',
  'tabs and spaces around a value': 'GET /x HTTP/1.1\nHost: \t a \t',
  'no space behind a colon': 'GET /x HTTP/1.1\nHost:a',
  'bytes beyond ASCII in a value': 'GET /x HTTP/1.1\nHost: a\nX: \xe4',
};

test('what parsers are lenient with', async (t) => {
  const yard = await start(t);
  for (const [what, lines] of Object.entries(TOLERATED))
    await t.test(`${what}: refused, or passed on as the plain request that it is`, async () => {
      const bytes = bytesOf(`${lines}\nConnection: close`);
      for (const arrival of arrivalsOf(bytes)) {
        yard.seen.length = 0;
        const { answers, fault, all } = await arrive(yard.port, bytes, arrival);
        assert.equal(fault, null, all);
        for (const { status } of answers) assert.ok([200, 400].includes(status), all);
        assert.deepEqual(
          yard.seen.filter((path) => path !== PLAIN_PATH && path !== '/x'),
          [],
        );
      }
    });
});

test('a head that is too large is refused with 431, however it comes', async (t) => {
  const yard = await start(t);
  const large = `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
  await isRefused(yard, large, 431, 'GATEWAY_HEAD_TOO_LARGE');
});

test('a target that is too long is refused with 431, however it comes', async (t) => {
  const yard = await start(t);
  const long = `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  await isRefused(yard, long, 431, 'GATEWAY_HEAD_TOO_LARGE');
});

test('more than 100 headers are refused with 431, however they come', async (t) => {
  const yard = await start(t);
  const many = `GET / HTTP/1.1\r\nHost: a\r\n${'a: b\r\n'.repeat(150)}\r\n`;
  await isRefused(yard, many, 431, 'GATEWAY_HEAD_TOO_LARGE');
  const veryMany = `GET / HTTP/1.1\r\nHost: a\r\n${'a:\r\n'.repeat(2_500)}Host: b\r\n\r\n`;
  await isRefused(yard, veryMany, 431, 'GATEWAY_HEAD_TOO_LARGE');
});

test('what never becomes a head is refused when there is too much of it', async (t) => {
  const yard = await start(t);
  for (const bytes of ['G'.repeat(70_000), `GET /${'x'.repeat(70_000)}`, `GET / HTTP/1.1\r\n${'x'.repeat(70_000)}`]) {
    const answer = await sendRaw(yard.port, bytes);
    assert.ok([400, 431].includes(answer.status), answer.all);
    assert.ok(answer.wasClosed);
  }
  assert.deepEqual(yard.seen, []);
});

test('TRACE and CONNECT are not served', async (t) => {
  const { port, seen } = await start(t);
  for (const bytes of [
    'TRACE / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nConnection: close\r\n\r\n',
  ])
    for (const arrival of arrivalsOf(bytes)) {
      const { answers, wasClosed } = await arrive(port, bytes, arrival);
      assert.ok(wasClosed);
      if (arrival.before !== 'pipelined') assert.equal(answers.length, 1);
      for (const answer of answers) if (answer.status !== 200) assert.equal(answer.status, 405, arrival.name);
    }
  assert.deepEqual(
    seen.filter((path) => path !== PLAIN_PATH),
    [],
  );
});
