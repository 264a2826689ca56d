/** Refreshing while something else happens to the session or to its store: nobody is signed out by it, and nobody gets in by it. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import { PASSWORD, TestSessionStore } from '../testing/test-session-store.ts';
import { startTestYard, startUpstream } from '../testing/test-yard.ts';
import { EndedSessions } from './ended-sessions.ts';

const REFRESH = '/internal/sessions/refresh';

async function start(t: TestContext) {
  const store = await TestSessionStore.start(t);
  const identities: (string | undefined)[] = [];
  const upstream = await startUpstream(t, (request, response) => {
    identities.push(request.headers[IDENTITY_HEADER] as string | undefined);
    response.end('ok');
  });
  const yard = await startTestYard(t, {
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'users-a', port: store.upstream.port }] } },
    echo: {
      routes: ['/', { path: '/private', auth: 'required' }],
      deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] },
    },
  });
  const signIn = async () => {
    const answer = await fetch(`${yard.url}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login: 'ada', password: PASSWORD }),
    });
    const { accessToken } = (await answer.json()) as { accessToken: string };
    const refresh = answer.headers.getSetCookie()[1]!.split(';')[0]!;
    const { sid } = JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as { sid: string };
    return { bearer: { authorization: `Bearer ${accessToken}` }, refresh, sid };
  };
  const tab = (refresh: string, path = '/private'): Promise<Response> =>
    fetch(yard.url + path, { headers: { cookie: refresh } });
  return { ...yard, store, identities, signIn, tab };
}

/** Refreshes are decided and their answers kept back, until they are let go. */
function holdRefreshes(store: TestSessionStore): { readonly arrived: Promise<void>; readonly letGo: () => void } {
  const arrived = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<boolean>();
  store.beforeAnswer = (path) => {
    if (path !== REFRESH) return Promise.resolve(true);
    arrived.resolve();
    return gate.promise;
  };
  return { arrived: arrived.promise, letGo: () => gate.resolve(true) };
}

const isCleared = (answer: Response): boolean =>
  answer.headers.getSetCookie().length === 2 &&
  answer.headers.getSetCookie().every((cookie) => cookie.includes('Max-Age=0'));

test('who signs out while another tab refreshes is signed out in that tab too', async (t) => {
  const { store, url, identities, signIn, tab } = await start(t);
  const { bearer, refresh } = await signIn();
  const held = holdRefreshes(store);
  const tabs = [tab(refresh), tab(refresh, '/open')] as const;
  await held.arrived;
  assert.equal((await fetch(`${url}/api/session`, { method: 'DELETE', headers: bearer })).status, 204);
  held.letGo();
  const [required, open] = await Promise.all(tabs);
  assert.equal(required.status, 401);
  assert.equal(open.status, 200);
  assert.deepEqual(identities, [undefined]);
  assert.ok(isCleared(required) && isCleared(open));
  assert.equal((await tab(refresh)).status, 401);
});

test('whose session ends elsewhere while it refreshes is out as soon as that is heard of', async (t) => {
  const { store, signIn, tab } = await start(t);
  const { refresh, sid } = await signIn();
  const held = holdRefreshes(store);
  const answered = tab(refresh);
  await held.arrived;
  store.endFamily(sid);
  held.letGo();
  const [access] = (await answered).headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
  const deadline = AbortSignal.timeout(10_000);
  while ((await tab(access!)).status !== 401) deadline.throwIfAborted();
  assert.equal((await tab(refresh)).status, 401);
});

test('a refresh whose answer is lost on the way is asked again, and nobody is signed out', async (t) => {
  const { store, signIn, tab } = await start(t);
  const { refresh } = await signIn();
  let lost = 0;
  store.beforeAnswer = (path) => Promise.resolve(path !== REFRESH || ++lost > 1);
  const answers = await Promise.all(Array.from({ length: 20 }, () => tab(refresh)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(store.rotations, 1);
  assert.equal(store.calls.filter((call) => call === REFRESH).length, 2);
  assert.equal((await tab(answers[0]!.headers.getSetCookie()[1]!.split(';')[0]!)).status, 200);
});

test('fifty tabs wait for a slow store together, and ask it once', async (t) => {
  const { store, signIn, tab } = await start(t);
  const { refresh } = await signIn();
  const held = holdRefreshes(store);
  const tabs = Array.from({ length: 50 }, () => tab(refresh));
  await held.arrived;
  held.letGo();
  const answers = await Promise.all(tabs);
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(store.calls.filter((call) => call === REFRESH).length, 1);
});

test('a store that errs signs nobody out: 503, the cookies stay, and the next request is refreshed', async (t) => {
  const { store, signIn, tab } = await start(t);
  const { refresh } = await signIn();
  store.failWith = 500;
  const answers = await Promise.all(Array.from({ length: 10 }, () => tab(refresh)));
  for (const answer of answers) {
    assert.equal(answer.status, 503);
    assert.ok(Number(answer.headers.get('retry-after')) > 0);
    assert.deepEqual(answer.headers.getSetCookie(), []);
  }
  store.failWith = 0;
  assert.equal((await tab(refresh)).status, 200);
  assert.equal(store.rotations, 1);
});

test('new cookies go out with whatever the answer is, or the browser would be left with what is rotated', async (t) => {
  const { store, signIn, tab, registry } = await start(t);
  const { refresh } = await signIn();
  await registry.tell({
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'users-a', port: store.upstream.port }] } },
    echo: { routes: ['/'], deployments: { 'echo-1': [] } },
  });
  const answer = await tab(refresh);
  assert.equal(answer.status, 503);
  assert.equal(store.rotations, 1);
  assert.equal(answer.headers.getSetCookie().length, 2);
  assert.ok(!isCleared(answer));
});

test('a replay after the grace ends the family: the thief, the owner, and no other session', async (t) => {
  const { store, signIn, tab, url } = await start(t);
  const [stolen, other] = [await signIn(), await signIn()];
  const [access, next] = (await tab(stolen.refresh)).headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
  const second = (await tab(next!)).headers.getSetCookie()[1]!.split(';')[0]!;
  store.isGraceOver = true;
  // The gateway itself shares on what it has just refreshed; a token two generations old is asked of the store by any other one.
  const thief = await startTestYard(t, {
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'users-a', port: store.upstream.port }] } },
  });
  const replayed = await fetch(`${thief.url}/api/session`, { headers: { cookie: stolen.refresh } });
  assert.equal(replayed.status, 401);
  assert.ok(isCleared(replayed));
  const deadline = AbortSignal.timeout(10_000);
  while ((await fetch(`${url}/private`, { headers: stolen.bearer })).status !== 401) deadline.throwIfAborted();
  for (const cookie of [access!, next!, second]) assert.equal((await tab(cookie)).status, 401);
  assert.equal((await fetch(`${url}/private`, { headers: other.bearer })).status, 200);
  assert.equal((await tab(other.refresh)).status, 200);
});

test('a thousand sessions that refresh at the same time all go on', async (t) => {
  const { store, tab } = await start(t);
  const tokens = Array.from({ length: 1_000 }, () => store.newFamily());
  const answers = await Promise.all(tokens.map((token) => tab(`__Host-switchyard-refresh=${token}`)));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(store.rotations, 1_000);
});

test('for a tab that has gone before its turn came nothing is rotated', async (t) => {
  const { store, tab, url, lines } = await start(t);
  const held = holdRefreshes(store);
  const busy = Array.from({ length: 16 }, () => tab(`__Host-switchyard-refresh=${store.newFamily()}`));
  await held.arrived;
  const cookie = `__Host-switchyard-refresh=${store.newFamily()}`;
  const gone = new AbortController();
  const asked = fetch(`${url}/private`, { headers: { cookie }, signal: gone.signal });
  const deadline = AbortSignal.timeout(5_000);
  while (store.calls.filter((call) => call === REFRESH).length < 16) await untilNextTurn(deadline);
  // What is asked later has been answered, so that this has arrived.
  for (let turn = 0; turn < 3; turn += 1) await fetch(`${url}/-/live`);
  gone.abort();
  await assert.rejects(asked);
  while (!lines.join('').includes('"status":499')) await untilNextTurn(deadline);
  held.letGo();
  for (const answer of await Promise.all(busy)) assert.equal(answer.status, 200);
  store.isGraceOver = true;
  assert.equal((await tab(cookie)).status, 200);
  assert.equal(store.calls.filter((call) => call === REFRESH).length, 17);
});

test('for tabs that go while the store takes its time nothing is waited for, and the next one asks anew', async (t) => {
  const { store, tab, url } = await start(t);
  const cookie = `__Host-switchyard-refresh=${store.newFamily()}`;
  const held = holdRefreshes(store);
  const broken = new Promise<void>((resolve) => {
    store.upstream.server.on('request', ({ url: path, socket }: IncomingMessage) => {
      if (path === REFRESH) socket.once('close', () => resolve());
    });
  });
  const gone = new AbortController();
  const asked = [1, 2].map(() => fetch(`${url}/private`, { headers: { cookie }, signal: gone.signal }));
  await held.arrived;
  gone.abort();
  for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected');
  await broken;
  held.letGo();
  assert.equal((await tab(cookie)).status, 200);
});

async function untilNextTurn(deadline: AbortSignal): Promise<void> {
  deadline.throwIfAborted();
  await new Promise(setImmediate);
}

test('what has ended stays so when the clock is set back', () => {
  let nowMs = 1_800_000_000_000;
  const ended = new EndedSessions(
    () => {},
    () => nowMs,
  );
  ended.add(['long ago']);
  nowMs -= 3_600_000;
  for (let minute = 0; minute < 70; minute += 1) {
    nowMs += 60_000;
    ended.add([`at ${minute}`]);
    assert.ok(ended.has('long ago'));
  }
});
