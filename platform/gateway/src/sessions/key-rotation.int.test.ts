/** Keys rotate without anybody noticing: gateways that share them, sessions, and services that keep the public halves. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { listenOn, portOf } from '@switchyard/kit/http/server';
import { IdentityVerifier } from '@switchyard/kit/identity/tokens';
import { uuidv7 } from '@switchyard/kit/ids';
import { createLogger } from '@switchyard/kit/log';
import { createRemoteJWKSet, exportJWK, generateKeyPair } from 'jose';
import { startYardWith, startTestYard } from '../testing/test-yard.ts';
import { AccessTokens } from './access-tokens.ts';
import { EndedSessions } from './ended-sessions.ts';
import { IdentityTokens } from './identity-tokens.ts';
import { KEEP_AFTER_MS, KeyRing, PUBLISH_AHEAD_MS, ROTATE_AFTER_MS } from './key-ring.ts';

const log = createLogger({ service: 'gateway', level: 'silent' });
const ada = { id: uuidv7(), handle: 'ada', name: 'Ada Lovelace' };
const HOUR_MS = 3_600_000;

test('over two rotations every token verifies for as long as it lives, at both gateways and at a service', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-rotation-'));
  t.after(() => rm(directory, { recursive: true }));
  let nowMs = 1_800_000_000_000;
  const clock = (): number => nowMs;
  const ended = new EndedSessions(() => {}, clock);
  const rings = [await KeyRing.open(directory, log, clock), await KeyRing.open(directory, log, clock)] as const;
  const gateways = rings.map((ring) => ({
    access: new AccessTokens(ring, ended, clock),
    identity: new IdentityTokens(ring, clock),
  }));
  const published = createServer((_request, response) => {
    void rings[0].published().then((keys) => response.end(JSON.stringify(keys)));
  });
  await listenOn(published, { host: '127.0.0.1', port: 0 });
  t.after(() => published.close());
  // Two months pass in seconds: the pause between two fetches, which is real time, is left out.
  const keys = createRemoteJWKSet(new URL(`http://127.0.0.1:${portOf(published)}`), {
    cooldownDuration: 0,
    cacheMaxAge: Infinity,
  });
  const service = new IdentityVerifier(keys, 'feeds', clock);
  const signers = new Set<string>();
  let older: string[] = [];
  const untilMs = nowMs + 2 * (ROTATE_AFTER_MS + PUBLISH_AHEAD_MS + KEEP_AFTER_MS);
  for (let turn = 0; nowMs < untilMs; turn += 1) {
    // Each looks once an hour, at a time of its own.
    nowMs += HOUR_MS / 2;
    await rings[turn % 2]!.rotate();
    signers.add(rings[0].signer.kid);
    assert.equal(rings[0].signer.kid, rings[1].signer.kid);
    const [here, there] = turn % 2 === 0 ? [gateways[0]!, gateways[1]!] : [gateways[1]!, gateways[0]!];
    const { token, grant } = await here.access.issue(ada, uuidv7());
    nowMs += 599_000;
    assert.notEqual(await there.access.verify(token), null);
    for (const lapsed of older) assert.equal(await there.access.verify(lapsed), null);
    older = [token];
    assert.notEqual(await service.verify(await here.identity.mint(grant, 'feeds')), null);
    nowMs -= 599_000;
  }
  assert.equal(signers.size, 3);
});

test('an identity token is used for half a minute, and minted anew when the clock has been set back', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'switchyard-identity-'));
  t.after(() => rm(directory, { recursive: true }));
  let nowMs = 1_800_000_000_000;
  const clock = (): number => nowMs;
  const ring = await KeyRing.open(directory, log, clock);
  const identity = new IdentityTokens(ring, clock);
  const { grant } = await new AccessTokens(ring, new EndedSessions(() => {}), clock).issue(ada, uuidv7());
  const token = await identity.mint(grant, 'feeds');
  assert.equal(identity.fresh(grant, 'users'), '');
  nowMs += 29_999;
  assert.equal(identity.fresh(grant, 'feeds'), token);
  nowMs += 1;
  assert.equal(identity.fresh(grant, 'feeds'), '');
  nowMs -= HOUR_MS;
  assert.equal(identity.fresh(grant, 'feeds'), '');
});

test('a key that is put in place by hand signs at once; tokens of both are good at every gateway under load', async (t) => {
  const one = await startYardWith(t, (_request, response) => response.end('ok'), {}, { auth: 'required' });
  const other = await startTestYard(
    t,
    {
      echo: {
        routes: [{ path: '/', auth: 'required' }],
        deployments: { 'echo-1': [{ id: 'a', port: one.upstream.port }] },
      },
    },
    { KEYS_DIR: one.keysDir },
  );
  const issueWith = async (): Promise<string> => {
    const tokens = new AccessTokens(await KeyRing.open(one.keysDir, log), new EndedSessions(() => {}));
    return (await tokens.issue(ada, uuidv7())).token;
  };
  const old = await issueWith();
  const statuses = (token: string): Promise<number[]> =>
    Promise.all(
      Array.from({ length: 50 }, async (_, nth) => {
        const headers = { authorization: `Bearer ${token}` };
        return (await fetch((nth % 2 === 0 ? one : other).url, { headers })).status;
      }),
    );
  assert.deepEqual(new Set(await statuses(old)), new Set([200]));
  const pair = await generateKeyPair('EdDSA', { extractable: true });
  // As old as one that has been published for long enough, and so the one that signs from now on.
  const createdAt = Date.now() - PUBLISH_AHEAD_MS;
  const jwk = { ...(await exportJWK(pair.privateKey)), kid: 'by-hand', alg: 'EdDSA', use: 'sig', createdAt };
  await writeFile(join(one.keysDir, 'gateway-by-hand.private.jwk.json'), JSON.stringify(jwk), { mode: 0o600 });
  const fresh = await issueWith();
  assert.equal(
    (JSON.parse(Buffer.from(fresh.split('.')[0]!, 'base64url').toString()) as { kid: string }).kid,
    'by-hand',
  );
  const [ofFresh, ofOld] = await Promise.all([statuses(fresh), statuses(old)]);
  assert.deepEqual(new Set([...ofFresh, ...ofOld]), new Set([200]));
  for (const { url } of [one, other]) {
    const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
    const files = (await readdir(one.keysDir)).filter((name) => name.endsWith('.private.jwk.json'));
    const kids = await Promise.all(
      files.map(async (name) => (JSON.parse(await readFile(join(one.keysDir, name), 'utf8')) as { kid: string }).kid),
    );
    assert.equal(keys.length, 2);
    assert.deepEqual(new Set(keys.map(({ kid }) => kid)), new Set(kids));
  }
});
