/** HTTPS as real clients meet it: curl, openssl, and Node's own; the port beside it; and certificates that change. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { connect as connectPlainly } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { sendRaw } from '../../testing/raw-client.ts';
import { startSecureYard } from '../../testing/secure-yard.ts';
import type { SecureYard } from '../../testing/secure-yard.ts';

const run = promisify(execFile);

/** Says what arrived. */
const echo: RequestListener = (request, response) => {
  let bytes = 0;
  request.on('data', (chunk: Buffer) => (bytes += chunk.length));
  request.on('end', () =>
    response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, bytes })),
  );
};

interface CurlAnswer {
  readonly version: string;
  readonly status: number;
  readonly body: string;
}

async function curl(yard: SecureYard, ...words: readonly string[]): Promise<CurlAnswer> {
  const told = ['-sS', '--max-time', '10', '--cacert', yard.authority.file, '-w', '\n%{http_version} %{http_code}'];
  const { stdout } = await run('curl', [...told, ...words], { maxBuffer: 32_000_000 });
  const end = stdout.lastIndexOf('\n');
  const [version = '', status] = stdout.slice(end + 1).split(' ');
  return { version, status: Number(status), body: stdout.slice(0, end) };
}

async function handshake(t: TestContext, yard: SecureYard, options: ConnectionOptions): Promise<TLSSocket> {
  const at = { port: yard.tlsPort, host: '127.0.0.1', servername: 'localhost', ca: yard.authority.pem };
  const socket = connect({ ...at, ...options });
  t.after(() => socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

for (const [flag, version] of [
  ['--http2', '2'],
  ['--http1.1', '1.1'],
] as const) {
  test(`curl ${flag} is answered over TLS, and the service learns that it was`, async (t) => {
    const yard = await startSecureYard(t, echo);
    const { version: spoken, status, body } = await curl(yard, flag, `${yard.secureUrl}/a%2e/b?c=%20d`);
    assert.deepEqual({ spoken, status }, { spoken: version, status: 200 });
    const { url, headers } = JSON.parse(body) as { url: string; headers: Record<string, string> };
    assert.equal(url, '/a./b?c=%20d');
    assert.equal(headers['x-forwarded-proto'], 'https');
    assert.equal(headers['forwarded'], `for=127.0.0.1;host="localhost:${yard.tlsPort}";proto=https`);
    assert.equal(headers['host'], `localhost:${yard.tlsPort}`);
  });

  test(`curl ${flag} uploads with a length, in pieces, and after waiting to be asked`, async (t) => {
    const yard = await startSecureYard(t, echo);
    const file = `${yard.authority.folder}/upload`;
    writeFileSync(file, Buffer.alloc(3_000_000, 'x'));
    const uploads = [[], ['-H', 'Transfer-Encoding: chunked'], ['-H', 'Expect: 100-continue']];
    for (const more of uploads) {
      const { body } = await curl(yard, flag, '-T', file, ...more, `${yard.secureUrl}/up`);
      assert.equal((JSON.parse(body) as { bytes: number }).bytes, 3_000_000);
    }
  });

  test(`curl ${flag} gets a long answer whole`, async (t) => {
    const yard = await startSecureYard(t, (_request, response) => response.end(Buffer.alloc(5_000_000, 'y')));
    assert.equal((await curl(yard, flag, `${yard.secureUrl}/`)).body.length, 5_000_000);
  });

  test(`the gateway's own interface answers curl ${flag}`, async (t) => {
    const yard = await startSecureYard(t, echo);
    const live = await curl(yard, flag, `${yard.secureUrl}/-/live`);
    assert.deepEqual(live, { version, status: 200, body: '{"status":"ok"}' });
    const refused = await curl(yard, flag, `${yard.secureUrl}/api/session`);
    assert.equal(refused.status, 401);
    const json = ['-H', 'content-type: application/json', '-d', '{"login":1}'];
    const invalid = await curl(yard, flag, ...json, `${yard.secureUrl}/api/session`);
    assert.equal(invalid.status, 400);
    const logged = (): string[] => yard.lines.join('').match(/"status":\d+/g) ?? [];
    while (logged().length < 3) await new Promise(setImmediate);
    assert.deepEqual(logged(), ['"status":200', '"status":401', '"status":400']);
  });
}

test('TLS 1.2 and 1.3 are spoken, 1.1 is not', async (t) => {
  const yard = await startSecureYard(t, echo);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await handshake(t, yard, { minVersion: version, maxVersion: version });
    assert.equal(socket.getProtocol(), version);
  }
  const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  await assert.rejects(handshake(t, yard, old), /protocol version|alert/i);
});

test('ciphers without forward secrecy or authentication of the data are refused', async (t) => {
  const yard = await startSecureYard(t, echo);
  for (const ciphers of ['AES128-GCM-SHA256', 'ECDHE-ECDSA-AES128-SHA', 'ECDHE-ECDSA-AES256-SHA384'])
    await assert.rejects(handshake(t, yard, { maxVersion: 'TLSv1.2', ciphers }), /handshake|alert/i, ciphers);
});

test('openssl sees the protocol that is agreed on: h2 first, http/1.1, none, and an unknown one is refused', async (t) => {
  const yard = await startSecureYard(t, echo);
  const agreed = async (offered: readonly string[]): Promise<string> => {
    const words = ['s_client', '-connect', `127.0.0.1:${yard.tlsPort}`, '-CAfile', yard.authority.file, ...offered];
    const { promise, resolve } = Promise.withResolvers<string>();
    const child = execFile('openssl', words, (_error, stdout, stderr) => resolve(stdout + stderr));
    child.stdin?.end();
    const said = await promise;
    return /ALPN protocol: (\S+)|No ALPN negotiated|alert no application protocol/.exec(said)?.[0] ?? said;
  };
  assert.equal(await agreed(['-alpn', 'http/1.1,h2']), 'ALPN protocol: h2');
  assert.equal(await agreed(['-alpn', 'http/1.1']), 'ALPN protocol: http/1.1');
  assert.equal(await agreed([]), 'No ALPN negotiated');
  assert.match(await agreed(['-alpn', 'imap']), /No ALPN negotiated|no application protocol/);
});

test('a session is resumed by its ticket, also after the certificate has changed', async (t) => {
  const yard = await startSecureYard(t, echo);
  const first = await handshake(t, yard, { maxVersion: 'TLSv1.2' });
  const session = first.getSession();
  assert.equal((await handshake(t, yard, { maxVersion: 'TLSv1.2', session })).isSessionReused(), true);
  replace(yard, 'second');
  await untilPresented(t, yard, 'second');
  assert.equal((await handshake(t, yard, { maxVersion: 'TLSv1.2', session })).isSessionReused(), true);
});

test('whoever does not finish a handshake keeps nobody else waiting', async (t) => {
  const yard = await startSecureYard(t, echo);
  const silent = connectPlainly(yard.tlsPort, '127.0.0.1');
  t.after(() => silent.destroy());
  await once(silent, 'connect');
  assert.equal((await curl(yard, `${yard.secureUrl}/`)).status, 200);
  const plain = await sendRaw(yard.tlsPort, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  assert.equal(plain.status, 0);
  assert.equal(plain.wasClosed, true);
});

// The port without TLS.

test('the port without TLS redirects what may have been typed', async (t) => {
  const yard = await startSecureYard(t, echo);
  for (const method of ['GET', 'HEAD']) {
    const answer = await sendRaw(
      yard.gateway.port,
      `${method} //a/./b?x=%0d%0a&y=1 HTTP/1.1\r\nHost: shop.example:80\r\nConnection: close\r\n\r\n`,
    );
    assert.equal(answer.status, 308);
    assert.equal(answer.headers.get('location'), `https://shop.example:${yard.tlsPort}/a/b?x=%0d%0a&y=1`);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
  }
  const followed = await curl(
    yard,
    '-L',
    `http://localhost:${yard.gateway.port}/x?y=1`.replace('localhost', '127.0.0.1'),
  );
  assert.deepEqual(
    { ...followed, body: (JSON.parse(followed.body) as { url: string }).url },
    {
      version: '2',
      status: 200,
      body: '/x?y=1',
    },
  );
});

test('the port that clients find HTTPS at may be another one, and 443 is not written', async (t) => {
  const yard = await startSecureYard(t, echo, {}, {}, { publicPort: 443 });
  const answer = await sendRaw(yard.gateway.port, 'GET /x HTTP/1.1\r\nHost: [::1]:8000\r\nConnection: close\r\n\r\n');
  assert.equal(answer.headers.get('location'), 'https://[::1]/x');
});

test('what changes something, carries a token, or is a WebSocket is refused without TLS', async (t) => {
  const yard = await startSecureYard(t, echo);
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  const requests = [
    'POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi',
    'DELETE /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'OPTIONS /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
    'GET /x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer abc\r\nConnection: close\r\n\r\n',
    'GET /x HTTP/1.0\r\n\r\n',
    `GET /x HTTP/1.1\r\nHost: a\r\n${upgrade}\r\n`,
  ];
  for (const bytes of requests) {
    const answer = await sendRaw(yard.gateway.port, bytes);
    assert.equal(answer.status, 403, bytes);
    assert.match(answer.text, /"code":"GATEWAY_TLS_REQUIRED"/);
  }
});

test('liveness, readiness and the public keys answer without TLS', async (t) => {
  const yard = await startSecureYard(t, echo);
  for (const path of ['/-/live', '/-/ready', '/.well-known/jwks.json'])
    assert.equal((await fetch(`${yard.url}${path}`)).status, 200);
  const beside = await fetch(`${yard.url}/.well-known/jwks.json/x`, { redirect: 'manual' });
  assert.equal(beside.status, 308);
});

test('a malformed request is malformed on the port without TLS too', async (t) => {
  const yard = await startSecureYard(t, echo);
  const answer = await sendRaw(yard.gateway.port, 'GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n');
  assert.equal(answer.status, 400);
});

// What is ours.

test('an absolute target names the scheme of its connection', async (t) => {
  const yard = await startSecureYard(t, echo);
  const ask = async (target: string): Promise<number> => {
    const socket = await handshake(t, yard, { ALPNProtocols: ['http/1.1'] });
    socket.write(`GET ${target} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n`);
    const [first] = (await once(socket, 'data')) as [Buffer];
    return Number(first.toString('latin1').split(' ')[1]);
  };
  assert.equal(await ask('https://shop.example:443/x'), 200);
  assert.equal(await ask('http://shop.example/x'), 400);
});

// Certificates that change.

test('a new certificate is presented to new connections, and no connection is dropped', async (t) => {
  const yard = await startSecureYard(t, echo);
  const session = yard.session();
  await once(session, 'connect');
  const kept = await handshake(t, yard, { ALPNProtocols: ['http/1.1'] });
  assert.equal(await presented(t, yard), 'first');
  replace(yard, 'second');
  await untilPresented(t, yard, 'second');
  assert.equal(session.destroyed, false);
  kept.write('GET /still HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await once(kept, 'data')) as [Buffer];
  assert.match(answer.toString('latin1'), /^HTTP\/1\.1 200 /);
});

test('a key of another certificate, or a torn file, leaves the certificate that there is', async (t) => {
  const yard = await startSecureYard(t, echo);
  const second = yard.authority.issue('second');
  const third = yard.authority.issue('third');
  copyFileSync(second.key, yard.files.key);
  writeFileSync(yard.files.certificate, '-----BEGIN CERTIFICATE-----\nMIIB');
  assert.equal(await presented(t, yard), 'first');
  copyFileSync(third.certificate, yard.files.certificate);
  assert.equal(await presented(t, yard), 'first');
  copyFileSync(third.key, yard.files.key);
  await untilPresented(t, yard, 'third');
});

function replace(yard: SecureYard, name: string): void {
  const { certificate, key } = yard.authority.issue(name);
  copyFileSync(key, yard.files.key);
  copyFileSync(certificate, yard.files.certificate);
}

async function presented(t: TestContext, yard: SecureYard): Promise<string> {
  const socket = await handshake(t, yard, {});
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return String(CN);
}

/** The test's own deadline ends it. */
async function untilPresented(t: TestContext, yard: SecureYard, name: string): Promise<void> {
  while ((await presented(t, yard)) !== name) await new Promise((resolve) => setTimeout(resolve, 50));
}

test('node:https is served, with several requests on a connection', async (t) => {
  const yard = await startSecureYard(t, echo);
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: yard.authority.pem });
  t.after(() => agent.destroy());
  for (let index = 0; index < 3; index += 1) {
    const asked = httpsRequest(`${yard.secureUrl}/${index}`, { agent, method: 'POST' });
    asked.end('abc');
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    assert.equal(answer.statusCode, 200);
    assert.equal(asked.reusedSocket, index > 0);
    answer.resume();
    await once(answer, 'end');
  }
});
