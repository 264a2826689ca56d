/** Canary and preview: who gets which deployment, stays there, and what nobody else learns. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { decodeJwt } from 'jose';
import { WebSocket, WebSocketServer } from 'ws';
import { BUCKET_COOKIE } from './message/cookies.ts';
import { bucketOfName } from './routing/split.ts';
import { hasAnswer, sendRaw } from './testing/raw-client.ts';
import { PASSWORD, TestSessionStore } from './testing/test-session-store.ts';
import { startTestYard, startUpstream } from './testing/test-yard.ts';

const TOKEN = 'the-token-of-the-operator';
const KNOWN = { OPERATOR_TOKEN_SHA256: createHash('sha256').update(TOKEN).digest('hex') };

interface Answered {
  readonly name: string;
  readonly heads: string;
}

/** Answers its name and what it got to see. */
async function startEcho(context: TestContext, name: string, headers: Record<string, string> = {}) {
  const upstream = await startUpstream(context, (request, response) => {
    response.writeHead(200, headers).end(JSON.stringify({ name, heads: request.rawHeaders.join('\n') }));
  });
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on('connection', (socket, request) => {
    socket.on('error', () => {});
    socket.send(JSON.stringify({ name, heads: request.rawHeaders.join('\n') }));
  });
  return upstream;
}

async function start(
  context: TestContext,
  split: Readonly<Record<string, number>> | null,
  environment: Readonly<Record<string, string>> = KNOWN,
  headers: Record<string, string> = {},
) {
  const ports = [
    (await startEcho(context, 'old', headers)).port,
    (await startEcho(context, 'new', headers)).port,
  ] as const;
  const told = (
    now: typeof split,
    more: { live?: string; standby?: string; tried?: { id: string; port: number; status?: 'UP' | 'DOWN' } } = {},
  ) => ({
    echo: {
      routes: ['/', { path: '/assets', auth: 'none' }],
      live: more.live ?? 'echo-1',
      standby: more.standby ?? null,
      split: now,
      deployments: {
        'echo-1': [{ id: 'a', port: ports[0] }],
        'echo-2': [more.tried ?? { id: 'b', port: ports[1] }],
      },
    },
  });
  const yard = await startTestYard(context, told(split), environment);
  const ask = async (sent: Record<string, string> = {}, path = '/') => {
    const answer = await fetch(`${yard.url}${path}`, { headers: sent });
    const text = await answer.text();
    const { name, heads } = answer.status === 200 ? (JSON.parse(text) as Answered) : { name: '', heads: '' };
    const cookies = answer.headers.getSetCookie();
    return { status: answer.status, name, heads, cookies, cacheControl: answer.headers.get('cache-control') };
  };
  return { ...yard, told, ask };
}

const HALF = { 'echo-1': 50, 'echo-2': 50 };
const PREVIEW = { 'echo-1': 100, 'echo-2': 0 };

test('a browser stays where its first answer came from, by a cookie that services do not see', async (t) => {
  const yard = await start(t, HALF);
  const seen = new Set<string>();
  while (seen.size < 2) {
    const first = await yard.ask({ accept: 'text/html,*/*' });
    seen.add(first.name);
    assert.match(first.cookies.join(), /^switchyard_bucket=[0-9]{1,2}; Path=\/; HttpOnly; SameSite=Lax$/);
    const cookie = first.cookies[0]!.split(';')[0]!;
    for (const path of ['/', '/assets/x.js', '/']) {
      const again = await yard.ask({ cookie: `theme=dark; ${cookie}` }, path);
      assert.equal(again.name, first.name);
      assert.deepEqual(again.cookies, []);
      assert.match(again.heads, /^cookie\ntheme=dark$/im);
      assert.doesNotMatch(again.heads, /switchyard_/i);
    }
  }
});

test('whoever looks like a browser gets the cookie; programs do not and are spread by chance', async (t) => {
  const yard = await start(t, HALF);
  for (const headers of [{ 'sec-fetch-site': 'none' }, { cookie: 'theme=dark' }] as Record<string, string>[])
    assert.equal((await yard.ask(headers)).cookies.length, 1);
  const seen = new Set<string>();
  while (seen.size < 2) {
    const { name, cookies } = await yard.ask({ accept: 'application/json' });
    assert.deepEqual(cookies, []);
    seen.add(name);
  }
});

test('without a split nobody gets the cookie, and it still stays here', async (t) => {
  const yard = await start(t, null);
  const answer = await yard.ask({ accept: 'text/html', cookie: `${BUCKET_COOKIE}=5` });
  assert.deepEqual(answer.cookies, []);
  assert.doesNotMatch(answer.heads, /switchyard_/i);
});

test('a cookie that is none of ours is replaced', async (t) => {
  const yard = await start(t, HALF);
  for (const value of ['100', '-1', '07', 'x', '1e1', ''])
    assert.equal((await yard.ask({ cookie: `${BUCKET_COOKIE}=${value}` })).cookies.length, 1, value);
});

test('the hundred buckets get the shares exactly, and keep their deployment while the share grows', async (t) => {
  const yard = await start(t, { 'echo-1': 90, 'echo-2': 10 });
  const onCanary = async (): Promise<string[]> => {
    const buckets = Array.from({ length: 100 }, (_, bucket) => `${BUCKET_COOKIE}=${bucket}`);
    const answers = await Promise.all(buckets.map((cookie) => yard.ask({ cookie })));
    return buckets.filter((_, nth) => answers[nth]!.name === 'new');
  };
  const few = await onCanary();
  assert.equal(few.length, 10);
  await yard.registry.tell(yard.told({ 'echo-1': 60, 'echo-2': 40 }));
  const more = await onCanary();
  assert.equal(more.length, 40);
  for (const bucket of few) assert.ok(more.includes(bucket));
});

test('a session is always in the same bucket, for programs by itself and for browsers by its first cookie', async (t) => {
  const store = await TestSessionStore.start(t);
  const users = { routes: ['/users'], deployments: { 'users-1': [{ id: 'u', port: store.upstream.port }] } };
  const yard = await start(t, HALF);
  await yard.registry.tell({ users, ...yard.told(HALF) });
  const signedIn = await fetch(`${yard.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login: 'ada', password: PASSWORD }),
  });
  const { accessToken } = (await signedIn.json()) as { accessToken: string };
  const bucket = bucketOfName(decodeJwt<{ sid: string }>(accessToken).sid);
  const { name } = await yard.ask({ cookie: `${BUCKET_COOKIE}=${bucket}` });
  for (let nth = 0; nth < 20; nth += 1)
    assert.equal((await yard.ask({ authorization: `Bearer ${accessToken}` })).name, name);
  const cookie = signedIn.headers
    .getSetCookie()
    .map((one) => one.split(';')[0])
    .join('; ');
  const browser = await yard.ask({ cookie });
  assert.equal(browser.name, name);
  assert.match(browser.cookies.join(), new RegExp(`^${BUCKET_COOKIE}=${bucket};`));
});

test('an answer that sets the cookie may be kept by its browser, and by no cache that others share', async (t) => {
  const yard = await start(t, HALF, KNOWN, { 'cache-control': 'public, max-age=60, s-maxage=600' });
  assert.equal((await yard.ask({ 'sec-fetch-site': 'none' })).cacheControl, 'private, max-age=60');
  const answer = await yard.ask({ cookie: `${BUCKET_COOKIE}=1` });
  assert.equal(answer.cacheControl, 'public, max-age=60, s-maxage=600');
});

test('a canary whose instances are not UP falls back to the live one', async (t) => {
  const yard = await start(t, { 'echo-1': 0, 'echo-2': 100 });
  assert.equal((await yard.ask()).name, 'new');
  await yard.registry.tell(yard.told({ 'echo-1': 0, 'echo-2': 100 }, { tried: { id: 'b', port: 1, status: 'DOWN' } }));
  assert.equal((await yard.ask()).name, 'old');
});

test('a WebSocket goes where its bucket does, and sets the cookie', async (t) => {
  const yard = await start(t, { 'echo-1': 0, 'echo-2': 100 });
  const socket = new WebSocket(`ws://${yard.host}/`, { headers: { 'sec-fetch-site': 'same-origin' } });
  const upgraded = once(socket, 'upgrade');
  const [hello] = (await once(socket, 'message')) as [Buffer];
  const [{ headers }] = (await upgraded) as [{ headers: Record<string, string[]> }];
  assert.equal((JSON.parse(hello.toString()) as Answered).name, 'new');
  assert.match(headers['set-cookie']!.join(), /^switchyard_bucket=/);
  socket.terminate();
});

const byHeader = { 'Switchyard-Preview': TOKEN };
const byCookie = { cookie: `switchyard_preview=${TOKEN}` };

test('a preview is seen by the token alone, in a header or a cookie, and what it answers is kept nowhere', async (t) => {
  const yard = await start(t, PREVIEW, KNOWN, { 'cache-control': 'public, max-age=60' });
  for (const sent of [byHeader, byCookie] as Record<string, string>[]) {
    const { name, cacheControl, cookies } = await yard.ask(sent);
    assert.equal(name, 'new');
    assert.equal(cacheControl, 'private, no-store');
    assert.deepEqual(cookies, []);
  }
  for (const sent of [
    {},
    { 'Switchyard-Preview': `${TOKEN}x` },
    { 'Switchyard-Preview': '' },
    { cookie: 'switchyard_preview=1' },
    { switchyard_preview: TOKEN },
    { 'x-switchyard-preview': TOKEN },
  ] as Record<string, string>[]) {
    const { status, name, cacheControl } = await yard.ask(sent);
    assert.deepEqual([status, name], [200, 'old'], JSON.stringify(sent));
    assert.doesNotMatch(cacheControl!, /no-store/);
  }
  const twice = `GET / HTTP/1.1\r\nHost: a\r\nSwitchyard-Preview: ${TOKEN}\r\nSwitchyard-Preview: ${TOKEN}\r\n\r\n`;
  assert.match((await sendRaw(yard.gateway.port, twice, hasAnswer)).text, /"old"/);
});

test('a canary is seen by the token too', async (t) => {
  const yard = await start(t, { 'echo-1': 99, 'echo-2': 1 });
  for (let nth = 0; nth < 5; nth += 1) assert.equal((await yard.ask(byHeader)).name, 'new');
});

test('a WebSocket is previewed like everything', async (t) => {
  const yard = await start(t, PREVIEW);
  for (const headers of [byHeader, byCookie]) {
    const socket = new WebSocket(`ws://${yard.host}/`, { headers });
    const [hello] = (await once(socket, 'message')) as [Buffer];
    const { name, heads } = JSON.parse(hello.toString()) as Answered;
    assert.equal(name, 'new');
    assert.doesNotMatch(heads, new RegExp(TOKEN));
    socket.terminate();
  }
});

test('the token gets to no service, in no spelling, whether there is a preview or not', async (t) => {
  const yard = await start(t, PREVIEW);
  const names = [
    'Switchyard-Preview',
    'switchyard_preview',
    'SWITCHYARD.PREVIEW',
    'X-Switchyard-Preview',
    'switchyard-token',
  ];
  const cookies = ['switchyard_preview', 'Switchyard_Preview', 'switchyard.preview', 'switchyard%5fpreview'];
  const lines = [
    ...names.map((name) => `${name}: ${TOKEN}`),
    ...cookies.map((name) => `Cookie: ${name}=${TOKEN}; b=2`),
  ];
  for (const split of [PREVIEW, null, HALF]) {
    await yard.registry.tell(yard.told(split));
    for (const line of lines)
      for (const more of ['', 'Connection: switchyard-preview\r\n']) {
        const sent = `GET / HTTP/1.1\r\nHost: a\r\n${more}${line}\r\n\r\n`;
        const { status, text } = await sendRaw(yard.gateway.port, sent, hasAnswer);
        assert.equal(status, 200);
        assert.doesNotMatch(text, new RegExp(TOKEN), line);
      }
  }
});

test('a preview that is not there is 503, and never the live one in its place', async (t) => {
  const yard = await start(t, PREVIEW);
  await yard.registry.tell(yard.told(PREVIEW, { tried: { id: 'b', port: 1, status: 'DOWN' } }));
  assert.equal((await yard.ask(byHeader)).status, 503);
  assert.equal((await yard.ask()).name, 'old');
  await yard.registry.tell(yard.told(null));
  assert.equal((await yard.ask(byHeader)).name, 'old', 'the preview has ended');
  await yard.registry.tell(yard.told(null, { live: 'echo-2', standby: 'echo-1' }));
  assert.equal((await yard.ask()).name, 'new');
});

test('several services are previewed at once', async (t) => {
  const yard = await start(t, PREVIEW);
  const [old, next] = [await startEcho(t, 'old api'), await startEcho(t, 'new api')];
  const api = {
    routes: ['/api'],
    live: 'api-1',
    split: { 'api-1': 100, 'api-2': 0 },
    deployments: { 'api-1': [{ id: 'c', port: old.port }], 'api-2': [{ id: 'd', port: next.port }] },
  };
  await yard.registry.tell({ api, ...yard.told(PREVIEW) });
  assert.deepEqual([(await yard.ask(byCookie)).name, (await yard.ask(byCookie, '/api')).name], ['new', 'new api']);
  assert.deepEqual([(await yard.ask()).name, (await yard.ask({}, '/api')).name], ['old', 'old api']);
});

test('a gateway that was given no hash opens no preview', async (t) => {
  const yard = await start(t, PREVIEW, {});
  for (const sent of [byHeader, byCookie, { 'Switchyard-Preview': '' }] as Record<string, string>[])
    assert.equal((await yard.ask(sent)).name, 'old');
});
