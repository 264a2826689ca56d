/** Signing in and out, identity on the way to services, refresh in passing, and what happens when the session store is away. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import { IdentityVerifier, remoteKeys } from '@switchyard/kit/identity/tokens';
import { WebSocket, WebSocketServer } from 'ws';
import { PASSWORD, TestSessionStore } from '../testing/test-session-store.ts';
import { startTestYard, startUpstream } from '../testing/test-yard.ts';
import { ACCESS_COOKIE, REFRESH_COOKIE } from './session-cookies.ts';

interface Problem {
  readonly code: string;
}

async function start(context: TestContext, environment: Readonly<Record<string, string>> = {}) {
  const store = await TestSessionStore.start(context);
  const seen: IncomingMessage['headers'][] = [];
  const streams = { begin: Promise.resolve() };
  const upstream = await startUpstream(context, (request, response) => {
    seen.push(request.headers);
    if (request.url === '/stream') {
      void streams.begin.then(() => {
        response.writeHead(200, { 'content-type': 'text/event-stream' });
        response.write('data: 1\n\n');
      });
      return;
    }
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.send('hello');
  });
  const services = {
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'users-a', port: store.upstream.port }] } },
    echo: {
      routes: ['/', { path: '/private', auth: 'required' }, { path: '/public', auth: 'none' }],
      deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] },
    },
  };
  const yard = await startTestYard(context, services, { CORS_ORIGINS: 'http://app.example:3333', ...environment });
  return { ...yard, services, store, seen, streams, server: upstream.server };
}

type Yard = Awaited<ReturnType<typeof start>>;

const signIn = (
  yard: Yard,
  login = 'ada',
  password = PASSWORD,
  headers: Record<string, string> = {},
): Promise<Response> =>
  fetch(`${yard.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ login, password }),
  });

interface SignedIn {
  readonly accessToken: string;
  readonly cookie: string;
  readonly access: string;
  readonly refresh: string;
}

async function signedIn(yard: Yard): Promise<SignedIn> {
  const answer = await signIn(yard);
  assert.equal(answer.status, 200);
  const { accessToken } = (await answer.json()) as { accessToken: string };
  const [access, refresh] = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
  return { accessToken, cookie: `${access}; ${refresh}`, access: access!, refresh: refresh! };
}

const codeOf = async (answer: Response): Promise<string> => ((await answer.json()) as Problem).code;

test('signing in answers who it is, a token for programs and cookies for browsers', async (t) => {
  const yard = await start(t);
  const answer = await signIn(yard);
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const body = (await answer.json()) as { user: unknown; accessToken: string; expiresIn: number };
  assert.deepEqual(body.user, yard.store.user);
  assert.equal(body.expiresIn, 600);
  assert.deepEqual(Object.keys(body).sort(), ['accessToken', 'expiresIn', 'user']);
  const cookies = answer.headers.getSetCookie();
  assert.deepEqual(
    cookies.map((cookie) => cookie.split('=')[0]),
    [ACCESS_COOKIE, REFRESH_COOKIE],
  );
  for (const cookie of cookies)
    for (const attribute of ['HttpOnly', 'Secure', 'SameSite=Lax', 'Path=/'])
      assert.ok(cookie.split('; ').includes(attribute), cookie);
  assert.ok(yard.store.tokens.every((token) => token === 'Bearer token-of-the-gateway'));
});

test('what is wrong with a sign-in is said, but not whether login or password', async (t) => {
  const yard = await start(t);
  const wrong = await signIn(yard, 'ada', 'wrong password');
  assert.equal(wrong.status, 401);
  assert.equal(await codeOf(wrong), 'GATEWAY_SIGN_IN_REFUSED');
  assert.deepEqual(wrong.headers.getSetCookie(), []);
  const post = (body: string, type = 'application/json'): Promise<Response> =>
    fetch(`${yard.url}/api/session`, { method: 'POST', headers: { 'content-type': type }, body });
  assert.equal(await codeOf(await post('{"login": "ada"}')), 'REQUEST_INVALID');
  assert.equal(await codeOf(await post('{"login": "ada", "password": "x", "more": 1}')), 'REQUEST_INVALID');
  assert.equal(await codeOf(await post('{')), 'REQUEST_NOT_JSON');
  assert.equal((await post('login=ada', 'application/x-www-form-urlencoded')).status, 415);
  assert.equal((await post(JSON.stringify({ login: 'x'.repeat(70_000), password: 'x' }))).status, 413);
});

test('a service gets an identity that it can verify, and no token or cookie of the session', async (t) => {
  const yard = await start(t);
  const { accessToken, cookie } = await signedIn(yard);
  const verifier = new IdentityVerifier(remoteKeys(`${yard.url}/.well-known/jwks.json`), 'echo');
  const elsewhere = new IdentityVerifier(remoteKeys(`${yard.url}/.well-known/jwks.json`), 'feeds');
  for (const headers of [
    { authorization: `Bearer ${accessToken}` },
    { authorization: `bearer  \t${accessToken}` },
    { cookie: `a=b; ${cookie}` },
  ]) {
    assert.equal((await fetch(`${yard.url}/x`, { headers })).status, 200);
    const seen = yard.seen.at(-1)!;
    const token = String(seen[IDENTITY_HEADER]);
    const who = await verifier.verify(token);
    assert.deepEqual({ id: who?.id, handle: who?.handle, name: who?.name }, yard.store.user);
    assert.equal(await elsewhere.verify(token), null);
    assert.equal(seen.authorization, undefined);
    assert.equal(seen.cookie, 'cookie' in headers ? 'a=b' : undefined);
  }
});

test('an identity token is minted once for a session and service, not for each request', async (t) => {
  const yard = await start(t);
  const { accessToken } = await signedIn(yard);
  await Promise.all(
    Array.from({ length: 20 }, () => fetch(yard.url, { headers: { authorization: `Bearer ${accessToken}` } })),
  );
  assert.equal(new Set(yard.seen.map((headers) => headers[IDENTITY_HEADER])).size, 1);
});

test('routes decide: required needs an identity, none never passes one on', async (t) => {
  const yard = await start(t);
  const { accessToken, cookie } = await signedIn(yard);
  const nobody = await fetch(`${yard.url}/private`);
  assert.equal(nobody.status, 401);
  assert.equal(await codeOf(nobody), 'GATEWAY_NOT_SIGNED_IN');
  assert.equal(yard.seen.length, 0);
  assert.equal((await fetch(`${yard.url}/private`, { headers: { cookie } })).status, 200);
  for (const headers of [{ authorization: `Bearer ${accessToken}` }, { cookie }]) {
    assert.equal((await fetch(`${yard.url}/public`, { headers })).status, 200);
    const seen = yard.seen.at(-1)!;
    assert.equal(seen[IDENTITY_HEADER], undefined);
    assert.equal(seen.authorization, undefined);
    assert.equal(seen.cookie, undefined);
  }
});

test('a forged, altered or foreign token is not ours', async (t) => {
  const yard = await start(t);
  const { accessToken } = await signedIn(yard);
  const [head, payload, signature] = accessToken.split('.') as [string, string, string];
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Record<string, unknown>;
  const altered = Buffer.from(JSON.stringify({ ...claims, handle: 'root' })).toString('base64url');
  const none = Buffer.from('{"alg":"none"}').toString('base64url');
  for (const token of [
    `${head}.${altered}.${signature}`,
    `${none}.${payload}.${signature}`,
    `${head}.${payload}.AAAA`,
  ]) {
    const answer = await fetch(yard.url, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status, 401);
    assert.equal(await codeOf(answer), 'GATEWAY_TOKEN_INVALID');
    const byCookie = await fetch(yard.url, { headers: { cookie: `${ACCESS_COOKIE}=${token}` } });
    assert.equal(byCookie.status, 200);
    assert.equal(yard.seen.at(-1)![IDENTITY_HEADER], undefined);
  }
});

test('fifty tabs that wake together are refreshed in passing, by one rotation', async (t) => {
  const yard = await start(t);
  const { refresh } = await signedIn(yard);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => fetch(`${yard.url}/private`, { headers: { cookie: refresh } })),
  );
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
  assert.equal(yard.store.calls.filter((call) => call === '/internal/sessions/refresh').length, 1);
  const cookies = new Set(answers.map((answer) => answer.headers.getSetCookie().join('\n')));
  assert.equal(cookies.size, 1);
  const [access, next] = [...cookies][0]!.split('\n').map((cookie) => cookie.split(';')[0]!);
  assert.notEqual(next, refresh);
  assert.equal(answers[0]!.headers.get('cache-control'), 'no-store');
  const later = await fetch(`${yard.url}/private`, { headers: { cookie: `${access}; ${next}` } });
  assert.equal(later.status, 200);
  assert.deepEqual(later.headers.getSetCookie(), []);
  const straggler = await fetch(`${yard.url}/private`, { headers: { cookie: refresh } });
  assert.equal(straggler.status, 200);
});

test('a refresh token that is refused signs the browser out and goes on without an identity', async (t) => {
  const yard = await start(t);
  const answer = await fetch(`${yard.url}/x`, { headers: { cookie: `${REFRESH_COOKIE}=unknown` } });
  assert.equal(answer.status, 200);
  assert.ok(answer.headers.getSetCookie().every((cookie) => cookie.includes('Max-Age=0')));
  assert.equal(answer.headers.getSetCookie().length, 2);
  assert.equal((await fetch(`${yard.url}/private`, { headers: { cookie: `${REFRESH_COOKIE}=unknown` } })).status, 401);
});

test('the refresh call rotates, and only for pages of our own', async (t) => {
  const yard = await start(t);
  const { refresh } = await signedIn(yard);
  const call = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${yard.url}/api/session/refresh`, { method: 'POST', headers });
  assert.equal((await call({ cookie: refresh })).status, 403);
  assert.equal((await call({ 'sec-fetch-site': 'same-origin' })).status, 401);
  const answer = await call({ cookie: refresh, 'sec-fetch-site': 'same-origin' });
  assert.equal(answer.status, 200);
  const body = (await answer.json()) as { accessToken: string };
  assert.equal(
    (await fetch(`${yard.url}/private`, { headers: { authorization: `Bearer ${body.accessToken}` } })).status,
    200,
  );
});

test('unsafe requests by cookie must come from our own pages or allowed ones', async (t) => {
  const yard = await start(t);
  const { cookie, accessToken } = await signedIn(yard);
  const post = (headers: Record<string, string>): Promise<Response> => fetch(yard.url, { method: 'POST', headers });
  for (const headers of [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { origin: 'http://evil.example' },
    { origin: `http://${yard.host}.evil.example` },
    { origin: `https://${yard.host}` },
    { origin: 'null' },
    { 'sec-fetch-site': 'cross-site', origin: 'http://evil.example' },
  ] as Record<string, string>[]) {
    const answer = await post({ ...headers, cookie });
    assert.equal(answer.status, 403, JSON.stringify(headers));
    assert.equal(await codeOf(answer), 'GATEWAY_CROSS_SITE');
  }
  assert.equal(yard.seen.length, 0);
  for (const headers of [
    { 'sec-fetch-site': 'same-origin' },
    { origin: yard.url },
    { origin: 'http://app.example:3333' },
    { 'sec-fetch-site': 'same-site', origin: 'http://app.example:3333' },
  ] as Record<string, string>[])
    assert.equal((await post({ ...headers, cookie })).status, 200, JSON.stringify(headers));
  assert.equal((await post({ authorization: `Bearer ${accessToken}`, origin: 'http://evil.example' })).status, 200);
  assert.equal((await post({ origin: 'http://evil.example' })).status, 200);
  assert.equal((await fetch(yard.url, { headers: { cookie, 'sec-fetch-site': 'cross-site' } })).status, 200);
});

test('a page of another site cannot sign a visitor in', async (t) => {
  const yard = await start(t);
  assert.equal((await signIn(yard, 'ada', PASSWORD, { origin: 'http://evil.example' })).status, 403);
  assert.equal((await signIn(yard, 'ada', PASSWORD, { 'sec-fetch-site': 'cross-site' })).status, 403);
  assert.equal((await signIn(yard, 'ada', PASSWORD, { origin: 'http://app.example:3333' })).status, 200);
  assert.equal((await signIn(yard, 'ada', PASSWORD, { 'sec-fetch-site': 'same-origin' })).status, 200);
});

test('a WebSocket by cookie from another site is refused, and one of ours carries the identity', async (t) => {
  const yard = await start(t);
  const { cookie } = await signedIn(yard);
  const evil = new WebSocket(`ws://${yard.host}/`, { headers: { cookie, origin: 'http://evil.example' } });
  evil.on('error', () => {});
  const [, refused] = (await once(evil, 'unexpected-response')) as [unknown, IncomingMessage];
  assert.equal(refused.statusCode, 403);
  refused.resume();
  const ours = new WebSocket(`ws://${yard.host}/`, { headers: { cookie, origin: yard.url } });
  await once(ours, 'message');
  const closed = once(ours, 'close');
  assert.equal(
    (await fetch(`${yard.url}/api/session`, { method: 'DELETE', headers: { cookie, origin: yard.url } })).status,
    204,
  );
  const [code] = (await closed) as [number];
  assert.equal(code, 1008);
});

test('signing out takes effect at once: tokens are refused and streams end', async (t) => {
  const yard = await start(t);
  const { cookie, accessToken, access } = await signedIn(yard);
  const request = httpRequest(`${yard.url}/stream`, { headers: { cookie } }).end();
  const [stream] = (await once(request, 'response')) as [IncomingMessage];
  stream.resume();
  const ended = once(stream, 'end');
  assert.equal((await fetch(`${yard.url}/api/session`, { headers: { cookie } })).status, 200);
  const out = await fetch(`${yard.url}/api/session`, {
    method: 'DELETE',
    headers: { cookie, 'sec-fetch-site': 'same-origin' },
  });
  assert.equal(out.status, 204);
  assert.ok(out.headers.getSetCookie().every((one) => one.includes('Max-Age=0')));
  await ended;
  const byToken = await fetch(yard.url, { headers: { authorization: `Bearer ${accessToken}` } });
  assert.equal(byToken.status, 401);
  const byCookie = await fetch(`${yard.url}/private`, { headers: { cookie: access } });
  assert.equal(byCookie.status, 401);
  assert.equal((await fetch(`${yard.url}/api/session`, { headers: { cookie } })).status, 401);
});

test('a stream that was let in before its session ended, and opens after, ends at once', async (t) => {
  const yard = await start(t);
  const { accessToken } = await signedIn(yard);
  const headers = { authorization: `Bearer ${accessToken}` };
  const { promise, resolve: begin } = Promise.withResolvers<void>();
  yard.streams.begin = promise;
  const arrived = once(yard.server, 'request');
  const request = httpRequest(`${yard.url}/stream`, { headers }).end();
  await arrived;
  assert.equal((await fetch(`${yard.url}/api/session`, { method: 'DELETE', headers })).status, 204);
  begin();
  const [stream] = (await once(request, 'response')) as [IncomingMessage];
  stream.resume();
  await once(stream, 'end', { signal: AbortSignal.timeout(5_000) });
});

test('signing out everywhere ends the other sessions too', async (t) => {
  const yard = await start(t);
  const one = await signedIn(yard);
  const other = await signedIn(yard);
  const headers = { authorization: `Bearer ${one.accessToken}` };
  assert.equal((await fetch(`${yard.url}/api/sessions`, { method: 'DELETE', headers })).status, 204);
  for (const { accessToken } of [one, other])
    assert.equal((await fetch(yard.url, { headers: { authorization: `Bearer ${accessToken}` } })).status, 401);
});

test('a session that ended elsewhere is refused as soon as the store says so', async (t) => {
  const yard = await start(t);
  const { accessToken } = await signedIn(yard);
  const headers = { authorization: `Bearer ${accessToken}` };
  assert.equal((await fetch(yard.url, { headers })).status, 200);
  const claims = JSON.parse(Buffer.from(accessToken.split('.')[1]!, 'base64url').toString()) as { sid: string };
  yard.store.endFamily(claims.sid);
  await yard.store.called('/internal/sessions/ended');
  await yard.store.called('/internal/sessions/ended');
  assert.equal((await fetch(yard.url, { headers })).status, 401);
});

test('a gateway that has just started lets nobody in who signed out before', async (t) => {
  const yard = await start(t);
  const signedOut: SignedIn[] = [];
  for (let turn = 0; turn < 5; turn += 1) {
    const one = await signedIn(yard);
    const headers = { authorization: `Bearer ${one.accessToken}` };
    assert.equal((await fetch(`${yard.url}/api/session`, { method: 'DELETE', headers })).status, 204);
    signedOut.push(one);
  }
  const successor = await startTestYard(t, yard.services, { KEYS_DIR: yard.keysDir });
  for (const { accessToken } of signedOut)
    assert.equal((await fetch(successor.url, { headers: { authorization: `Bearer ${accessToken}` } })).status, 401);
});

test('with the store away the signed-in go on, sign-in says try again, and nobody is signed out', async (t) => {
  const yard = await start(t);
  const { cookie, accessToken, refresh } = await signedIn(yard);
  await yard.store.upstream.stop();
  assert.equal((await fetch(`${yard.url}/private`, { headers: { cookie } })).status, 200);
  assert.equal(
    (await fetch(`${yard.url}/private`, { headers: { authorization: `Bearer ${accessToken}` } })).status,
    200,
  );
  assert.equal((await fetch(`${yard.url}/api/session`, { headers: { cookie } })).status, 200);
  const refused = await signIn(yard);
  assert.equal(refused.status, 503);
  assert.equal(await codeOf(refused), 'GATEWAY_SESSIONS_UNAVAILABLE');
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  const expired = await fetch(`${yard.url}/private`, { headers: { cookie: refresh } });
  assert.equal(expired.status, 503);
  assert.ok(Number(expired.headers.get('retry-after')) > 0);
  assert.deepEqual(expired.headers.getSetCookie(), []);
  const out = await fetch(`${yard.url}/api/session`, {
    method: 'DELETE',
    headers: { cookie, 'sec-fetch-site': 'same-origin' },
  });
  assert.equal(out.status, 503);
  assert.deepEqual(out.headers.getSetCookie(), []);
  await TestSessionStore.start(t, yard.store.upstream.port);
});

test('failed sign-ins are limited by account, and who is signed in to it is never locked out', async (t) => {
  const yard = await start(t);
  const { accessToken, cookie } = await signedIn(yard);
  const statuses: number[] = [];
  for (let nth = 0; nth < 12; nth += 1) statuses.push((await signIn(yard, ' ADA', 'wrong password')).status);
  assert.deepEqual(statuses, [...Array<number>(10).fill(401), 429, 429]);
  const refused = await signIn(yard);
  assert.equal(refused.status, 429);
  assert.equal(await codeOf(refused), 'GATEWAY_TOO_MANY_SIGN_INS');
  assert.ok(Number(refused.headers.get('retry-after')) > 0);
  assert.equal((await signIn(yard, 'grace')).status, 200);
  assert.equal((await fetch(yard.url, { headers: { authorization: `Bearer ${accessToken}` } })).status, 200);
  assert.equal((await signIn(yard, 'ada', PASSWORD, { cookie, 'sec-fetch-site': 'same-origin' })).status, 200);
});
