/** Nobody gets an identity that the gateway did not give: not by any spelling of a header, nor by any place to hide one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { PASSWORD, TestSessionStore } from '../testing/test-session-store.ts';
import { startTestYard } from '../testing/test-yard.ts';
import { arrivalsOf, arrive, PLAIN_PATH } from './arrival.ts';
import type { Arrived } from './arrival.ts';
import { startRecordingUpstream } from './recording-upstream.ts';
import type { RecordedRequest, RecordingUpstream } from './recording-upstream.ts';

async function start(context: TestContext) {
  const upstream = await startRecordingUpstream(context);
  const at = [{ id: 'a', port: upstream.port }];
  const yard = await startTestYard(context, { echo: { routes: ['/'], deployments: { 'echo-1': at } } });
  return { ...yard, upstream, port: yard.gateway.port };
}

/** In every arrival: what came back, and what the service saw of it but for the plain request before. */
async function inEveryArrival(
  { port, upstream }: { readonly port: number; readonly upstream: RecordingUpstream },
  bytes: string,
  judge: (arrived: Arrived, got: readonly RecordedRequest[]) => void,
): Promise<void> {
  for (const arrival of arrivalsOf(bytes)) {
    upstream.requests.length = upstream.connections.length = 0;
    const arrived = await arrive(port, bytes, arrival);
    try {
      assert.equal(arrived.fault, null);
      const got = upstream.requests.filter(({ target }) => target !== PLAIN_PATH);
      judge(arrived, got);
      for (const all of upstream.connections) assert.ok(!/forged/i.test(all), `the service got ${all}`);
    } catch (error) {
      throw new Error(`${arrival.name}, answered by ${JSON.stringify(arrived.all)}`, { cause: error });
    }
  }
  assert.deepEqual(upstream.faults, []);
}

const heads = (...lines: readonly string[]): string =>
  `GET /x HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join('')}Connection: close\r\n\r\n`;

/** Names that a server could read as one of ours, when it folds case, `_`, `.` or whatever else it takes for `-`. */
const SPELLINGS = [
  'x-switchyard-identity',
  'X-Switchyard-Identity',
  'X-SWITCHYARD-IDENTITY',
  'x_switchyard_identity',
  'X_SWITCHYARD_IDENTITY',
  'x_switchyard-identity',
  'x-switchyard_identity',
  'X.Switchyard.Identity',
  'x.switchyard-identity',
  'x-switchyard.identity',
  'x_switchyard.identity',
  'x~switchyard~identity',
  'x!switchyard!identity',
  "x'switchyard'identity",
  'x*switchyard*identity',
  'x|switchyard|identity',
  'x^switchyard`identity',
  'x%switchyard%identity',
  'x#switchyard$identity',
  'x&switchyard+identity',
  'X-Switchyard-Anything',
  'x_switchyard_instance',
  'X-Switchyard-',
  'Switchyard-Preview',
  'switchyard_preview',
  'X-Forwarded-For',
  'x_forwarded_for',
  'X.Forwarded.For',
  'X-Forwarded-Host',
  'X_Forwarded_Host',
  'X-Forwarded-Proto',
  'X_Forwarded-Proto',
  'X-Forwarded-Port',
  'X-Forwarded-Prefix',
  'X-Forwarded-User',
  'X_Forwarded_User',
  'X-Forwarded-Client-Cert',
  'Forwarded',
  'Via',
  'X-Real-IP',
  'X_Real_IP',
  'X-Client-IP',
  'True-Client-IP',
  'X-Original-URL',
  'X_Original_URL',
  'X-Rewrite-URL',
  'X-Original-Host',
  'Remote-User',
  'Remote_User',
  'REMOTE.USER',
  'X-Remote-User',
  'X-Auth-Request-User',
  'X_Auth_Request_User',
  'SSL-Client-Cert',
  'SSL_CLIENT_S_DN',
  'X-SSL-Client-Verify',
  'Proxy',
  'Proxy-Authorization',
];

test('an identity from outside (Traefik #12961: underscores and dots)', async (t) => {
  const yard = await start(t);
  for (const name of SPELLINGS)
    await t.test(`as ${name} reaches no service, once, doubled, or between others`, async () => {
      for (const lines of [
        [`${name}: forged`],
        [`${name}: forged`, `${name}: forged`],
        [`X-A: 1`, `${name.toUpperCase()}: forged`, 'X-B: 2', `${name.toLowerCase()}:forged`],
        [`Connection: ${name}`, `${name}: forged`],
      ])
        await inEveryArrival(yard, heads(...lines), ({ answers }, got) => {
          assert.equal(answers.at(-1)!.status, 200);
          assert.equal(got.length, 1);
        });
    });
});

/** Each is either refused or reaches the service without it. */
const HIDDEN: Readonly<Record<string, string>> = {
  'behind a space before the colon': heads('X-Switchyard-Identity : forged'),
  'behind a tab before the colon': heads('X-Switchyard-Identity\t: forged'),
  'behind a NUL before the colon': heads('X-Switchyard-Identity\0: forged'),
  'behind a space before the name': heads('X-A: 1', ' X-Switchyard-Identity: forged'),
  'behind a tab before the name': heads('X-A: 1', '\tX-Switchyard-Identity: forged'),
  'behind a NUL before the name': heads('\0X-Switchyard-Identity: forged'),
  'behind a vertical tab before the name': heads('\x0bX-Switchyard-Identity: forged'),
  'behind a bare line feed': heads('X-A: 1\nX-Switchyard-Identity: forged'),
  'behind a bare carriage return': heads('X-A: 1\rX-Switchyard-Identity: forged'),
  'behind a NUL and a line feed': heads('X-A: 1\0\nX-Switchyard-Identity: forged'),
  'behind a name without a value': heads('X-A', 'X-Switchyard-Identity: forged'),
  'with its value on the next line': heads('X-Switchyard-Identity:', ' forged'),
  'with its name over two lines': heads('X-Switchyard-', ' Identity: forged'),
  'in the target': 'GET /x\nX-Switchyard-Identity:forged HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
  'in the version': 'GET /x HTTP/1.1\nX-Switchyard-Identity: forged\r\nHost: a\r\nConnection: close\r\n\r\n',
  'in the value of Host': 'GET /x HTTP/1.1\r\nHost: a\nX-Switchyard-Identity: forged\r\nConnection: close\r\n\r\n',
  'in a request id': heads('X-Request-Id: a\nX-Switchyard-Identity: forged'),
  'in a trace': heads('traceparent: 00\nX-Switchyard-Identity: forged'),
  'in a letter that lower case makes plain': heads('X-Switchyard-\u0130dentity: forged'),
  'in the trailers of a chunked body':
    'POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\nTrailer: X-Switchyard-Identity\r\n\r\n' +
    '5\r\nhello\r\n0\r\nX-Switchyard-Identity: forged\r\n\r\n',
  'in the trailers of a body that is empty':
    'POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nx_switchyard_identity: forged\r\n\r\n',
  'in a chunk extension':
    'POST /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n' +
    '5;X-Switchyard-Identity=forged\r\nhello\r\n0;X-Switchyard-Identity: forged\r\n\r\n',
};

test('an identity that hides', async (t) => {
  const yard = await start(t);
  for (const [where, bytes] of Object.entries(HIDDEN))
    await t.test(`${where} reaches no service`, async () => {
      await inEveryArrival(yard, bytes, ({ answers, wasClosed }, got) => {
        assert.ok(wasClosed);
        assert.ok(got.length <= 1);
        for (const { status } of answers) assert.ok([200, 400].includes(status));
      });
    });
});

test('Connection strips nothing that the gateway says (reply-from CVE-2026-33805, Traefik CVE-2021-32813)', async (t) => {
  const yard = await start(t);
  const ours = ['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'forwarded', 'x-request-id', 'traceparent'];
  for (const named of [
    `close, host, content-length, ${ours.join(', ')}`,
    `close,${ours.join(',').toUpperCase()},HOST`,
    `close, ${ours.join(' , ').replaceAll('-', '_')}`,
    `close${',,, ,'.repeat(50)}${ours.join('\t,\t')}`,
  ]) {
    const bytes = `POST /x HTTP/1.1\r\nHost: a\r\nConnection: ${named}\r\nContent-Length: 5\r\nX-Kept: 1\r\n\r\nhello`;
    await inEveryArrival(yard, bytes, ({ answers }, got) => {
      assert.equal(answers.at(-1)!.status, 200);
      const { headers, body } = got[0]!;
      assert.equal(body, 'hello');
      for (const name of [...ours, 'host', 'content-length', 'x-kept'])
        assert.equal(headers.filter(([one]) => one === name).length, 1, `${named}: ${name}`);
    });
  }
});

test('no Connection strips the identity that the gateway gives, and no header doubles it', async (t) => {
  const store = await TestSessionStore.start(t);
  const upstream = await startRecordingUpstream(t);
  const yard = await startTestYard(t, {
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'u', port: store.upstream.port }] } },
    echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'a', port: upstream.port }] } },
  });
  const signedIn = await fetch(`${yard.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login: 'ada', password: PASSWORD }),
  });
  const { accessToken } = (await signedIn.json()) as { accessToken: string };
  const bearer = `Authorization: Bearer ${accessToken}`;
  for (const lines of [
    [bearer],
    [bearer, 'Connection: x-switchyard-identity'],
    ['Connection: X-Switchyard-Identity, authorization', bearer, 'x_switchyard_identity: forged'],
    ['X-Switchyard-Identity: forged', bearer, 'X-Switchyard-Identity: forged'],
  ])
    await inEveryArrival({ port: yard.gateway.port, upstream }, heads(...lines), ({ answers }, got) => {
      assert.equal(answers.at(-1)!.status, 200);
      const identities = got[0]!.headers.filter(([name]) => /^x.switchyard/.test(name));
      assert.equal(identities.length, 1);
      assert.match(identities[0]![1], /^[\w-]+\.[\w-]+\.[\w-]+$/);
      assert.ok(!upstream.connections.join('').includes(accessToken), 'our own access token reaches no service');
    });
});

test('what one request says of itself is never said of the next on its connection', async (t) => {
  const yard = await start(t);
  const first =
    'POST /1 HTTP/1.1\r\nHost: first\r\nX-Mine: first\r\nCookie: c=first\r\nAuthorization: Basic first\r\nOrigin: http://first\r\n' +
    'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\ntracestate: a=first\r\nx-request-id: first\r\n' +
    'TE: trailers\r\nContent-Type: a/first\r\nSec-Fetch-Site: cross-first\r\nContent-Length: 5\r\n\r\nFIRST';
  await inEveryArrival(yard, `${first}GET /2 HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n`, ({ answers }, got) => {
    assert.equal(answers.at(-1)!.status, 200);
    const second = got.find(({ target }) => target === '/2')!;
    assert.ok(!/first|0af7651916cd43dd8448eb211c80319c|trailers/i.test(JSON.stringify(second)), JSON.stringify(second));
    assert.equal(got.find(({ target }) => target === '/1')!.body, 'FIRST');
  });
});
