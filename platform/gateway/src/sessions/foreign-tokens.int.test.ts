/** Tokens that look like ours and are not, tokens of ours in the wrong place, cookies twice, and requests of other sites. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { ACCESS_AUDIENCE, IDENTITY_HEADER, SERVICE_AUDIENCE, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import { IdentityVerifier, remoteKeys } from '@switchyard/kit/identity/tokens';
import { uuidv7 } from '@switchyard/kit/ids';
import { createLogger } from '@switchyard/kit/log';
import { generateKeyPair, SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import { WebSocket, WebSocketServer } from 'ws';
import { PASSWORD, TestSessionStore } from '../testing/test-session-store.ts';
import { startTestYard, startUpstream } from '../testing/test-yard.ts';
import { KeyRing } from './key-ring.ts';
import { ACCESS_COOKIE, REFRESH_COOKIE } from './session-cookies.ts';

const ALLOWED = 'http://app.example:3333';

async function start(t: TestContext) {
  const store = await TestSessionStore.start(t);
  const seen: IncomingHttpHeaders[] = [];
  const upstream = await startUpstream(t, (request, response) => {
    seen.push(request.headers);
    request.resume();
    request.on('end', () => response.end('ok'));
  });
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on('connection', (socket) => socket.on('error', () => {}).send('hello'));
  const yard = await startTestYard(
    t,
    {
      users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'users-a', port: store.upstream.port }] } },
      echo: {
        routes: ['/', { path: '/private', auth: 'required' }],
        deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] },
      },
    },
    { CORS_ORIGINS: ALLOWED },
  );
  const answer = await fetch(`${yard.url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login: 'ada', password: PASSWORD }),
  });
  const { accessToken } = (await answer.json()) as { accessToken: string };
  const [access, refresh] = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!) as [string, string];
  const ring = await KeyRing.open(yard.keysDir, createLogger({ service: 'gateway', level: 'silent' }));
  const statusOf = async (headers: Record<string, string>): Promise<number> =>
    (await fetch(`${yard.url}/private`, { headers })).status;
  return { ...yard, store, seen, accessToken, access, refresh, signer: ring.signer, statusOf };
}

const claims = (changed: Record<string, unknown> = {}): JWTPayload => {
  const iat = Math.floor(Date.now() / 1_000);
  const who = { sub: uuidv7(), sid: uuidv7(), handle: 'ada', name: 'Ada' };
  return { iss: TOKEN_ISSUER, aud: ACCESS_AUDIENCE, ...who, iat, exp: iat + 600, ...changed };
};

test('a token of our own key is an access token only if it says just that', async (t) => {
  const { signer, statusOf } = await start(t);
  const signed = (payload: JWTPayload, header = {}): Promise<string> =>
    new SignJWT(payload).setProtectedHeader({ alg: 'EdDSA', kid: signer.kid, ...header }).sign(signer.privateKey);
  assert.equal(await statusOf({ authorization: `Bearer ${await signed(claims())}` }), 200);
  for (const [what, payload] of Object.entries({
    'an identity token': claims({ aud: 'echo' }),
    "a service's token": claims({ aud: SERVICE_AUDIENCE }),
    'several audiences': claims({ aud: [ACCESS_AUDIENCE, 'echo'] }),
    'no audience': claims({ aud: undefined }),
    'another issuer': claims({ iss: 'somebody' }),
    lapsed: claims({ exp: Math.floor(Date.now() / 1_000) - 1 }),
    'for ever': claims({ exp: undefined }),
    'not yet': claims({ nbf: Math.floor(Date.now() / 1_000) + 60 }),
    'no session': claims({ sid: undefined }),
    nobody: claims({ sub: undefined }),
  })) {
    const token = await signed(payload);
    for (const headers of [
      { authorization: `Bearer ${token}` },
      { cookie: `${ACCESS_COOKIE}=${token}` },
      { cookie: `${ACCESS_COOKIE}=${token}; ${REFRESH_COOKIE}=${token.slice(-64)}` },
    ] as Record<string, string>[])
      assert.equal(await statusOf(headers), 401, what);
  }
});

test('a token that another key signed, or none, is refused whatever its header says', async (t) => {
  const { signer, statusOf, url } = await start(t);
  const { privateKey } = await generateKeyPair('EdDSA');
  const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as {
    keys: { kid: string; x: string }[];
  };
  const published = keys.find(({ kid }) => kid === signer.kid)!;
  const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const by = (header: Record<string, unknown>): Promise<string> =>
    new SignJWT(claims()).setProtectedHeader({ alg: 'EdDSA', ...header }).sign(privateKey);
  const tokens = [
    await by({ kid: signer.kid }),
    await by({}),
    await by({ kid: '../services' }),
    await by({ kid: '__proto__' }),
    await by({ kid: signer.kid, jwk: published }),
    await by({ kid: signer.kid, jku: 'http://127.0.0.1:9/' }),
    ...(await Promise.all(
      [published.x, Buffer.from(published.x, 'base64url').toString('latin1'), JSON.stringify(published)].map((secret) =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: signer.kid })
          .sign(new TextEncoder().encode(secret)),
      ),
    )),
    ...['none', 'None', 'NONE', ''].map((alg) => `${encoded({ alg, kid: signer.kid })}.${encoded(claims())}.AAAA`),
    `${encoded({ alg: 'EdDSA', kid: signer.kid })}.${encoded(claims())}.${'A'.repeat(86)}`,
  ];
  for (const token of tokens) {
    assert.equal(await statusOf({ authorization: `Bearer ${token}` }), 401, token);
    assert.equal(await statusOf({ cookie: `${ACCESS_COOKIE}=${token}` }), 401, token);
  }
});

test('an access token is worth nothing at a service, and an identity token nothing at the door', async (t) => {
  const { url, seen, accessToken, statusOf } = await start(t);
  await fetch(url, { headers: { authorization: `Bearer ${accessToken}` } });
  const identity = seen.at(-1)![IDENTITY_HEADER] as string;
  const verifier = new IdentityVerifier(remoteKeys(`${url}/.well-known/jwks.json`), 'echo');
  assert.notEqual(await verifier.verify(identity), null);
  assert.equal(await verifier.verify(accessToken), null);
  const ofOther = new IdentityVerifier(remoteKeys(`${url}/.well-known/jwks.json`), 'feeds');
  assert.equal(await ofOther.verify(identity), null);
  assert.equal(await statusOf({ authorization: `Bearer ${identity}` }), 401);
  assert.equal(await statusOf({ cookie: `${ACCESS_COOKIE}=${identity}` }), 401);
  await fetch(url, { headers: { [IDENTITY_HEADER]: identity, X_Switchyard_Identity: identity } });
  assert.ok(!JSON.stringify(seen.at(-1)).includes(identity));
});

test('a token in a cookie of another name is none, and two cookies of one name never mix', async (t) => {
  const { access, refresh, accessToken, statusOf, url, seen, store } = await start(t);
  const token = access.slice(access.indexOf('=') + 1);
  for (const name of [
    'switchyard-access',
    '__Secure-switchyard-access',
    '__host-switchyard-access',
    `x${ACCESS_COOKIE}`,
  ])
    assert.equal(await statusOf({ cookie: `${name}=${token}` }), 401, name);
  assert.equal(await statusOf({ cookie: `${REFRESH_COOKIE}=${token}` }), 401);
  assert.equal(await statusOf({ cookie: `${ACCESS_COOKIE}=${refresh.slice(refresh.indexOf('=') + 1)}` }), 401);
  assert.equal(await statusOf({ cookie: `a="${access}"` }), 401);
  assert.equal(await statusOf({ cookie: `a=1; ${access}; ${ACCESS_COOKIE}=forged` }), 200, 'the first counts');
  assert.equal(await statusOf({ cookie: `${ACCESS_COOKIE}=forged; ${access}` }), 401);
  assert.equal(
    await statusOf({ cookie: `${ACCESS_COOKIE}=forged; ${access}; ${refresh}` }),
    200,
    'refreshed in passing',
  );
  assert.equal(store.rotations, 1);
  await fetch(url, {
    headers: { cookie: `${access}; ${access}; b=2; ${refresh}`, authorization: `bearer   ${accessToken}` },
  });
  assert.equal(seen.at(-1)!.cookie, 'b=2');
  assert.equal(seen.at(-1)!.authorization, undefined);
});

test('whatever changes something by cookie must come from our own pages: every method, every origin', async (t) => {
  const { url, host, access, accessToken, seen } = await start(t);
  const foreign: Record<string, string>[] = [
    {},
    { 'sec-fetch-site': 'cross-site' },
    { 'sec-fetch-site': 'same-site' },
    { 'sec-fetch-site': 'none' },
    { 'sec-fetch-site': 'Same-Origin' },
    { origin: 'null' },
    { origin: 'http://evil.example' },
    { origin: `http://${host}.evil.example` },
    { origin: `http://evil.example/${host}` },
    { origin: `http://user@${host}` },
    { origin: `${ALLOWED}0` },
    { referer: `${url}/` },
  ];
  const ours: Record<string, string>[] = [{ 'sec-fetch-site': 'same-origin' }, { origin: url }, { origin: ALLOWED }];
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    for (const headers of foreign) {
      const { status } = await fetch(`${url}/private`, { method, headers: { ...headers, cookie: access } });
      assert.equal(status, 403, `${method} ${JSON.stringify(headers)}`);
    }
    for (const headers of ours)
      assert.equal((await fetch(`${url}/private`, { method, headers: { ...headers, cookie: access } })).status, 200);
    for (const headers of foreign)
      assert.equal(
        (await fetch(`${url}/private`, { method, headers: { ...headers, authorization: `Bearer ${accessToken}` } }))
          .status,
        200,
        'a page cannot have the token',
      );
  }
  const calls = seen.length;
  for (const [method, path] of [
    ['POST', '/api/session/refresh'],
    ['DELETE', '/api/session'],
    ['DELETE', '/api/sessions'],
  ] as const)
    for (const headers of foreign)
      assert.equal((await fetch(url + path, { method, headers: { ...headers, cookie: access } })).status, 403, path);
  for (const headers of foreign) {
    const socket = new WebSocket(`ws://${host}/private`, { headers: { ...headers, cookie: access } });
    socket.on('error', () => {});
    const [, refused] = (await once(socket, 'unexpected-response')) as [unknown, IncomingMessage];
    assert.equal(refused.statusCode, 403, JSON.stringify(headers));
    refused.destroy();
  }
  assert.equal(seen.length, calls);
  for (const method of ['GET', 'HEAD'])
    for (const headers of foreign)
      assert.equal((await fetch(`${url}/private`, { method, headers: { ...headers, cookie: access } })).status, 200);
});
