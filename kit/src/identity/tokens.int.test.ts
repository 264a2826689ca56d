/** Proves which tokens are believed, with keys fetched from a real server. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { bearerOf, IdentityVerifier, remoteKeys, ServiceTokenVerifier } from './tokens.ts';

describe('tokens', () => {
  const published: { keys: JWK[] } = { keys: [] };
  let fetched = 0;
  let isAway = false;
  const server = createServer((_request, response) => {
    fetched++;
    if (isAway) response.destroy();
    else response.setHeader('content-type', 'application/json').end(JSON.stringify(published));
  });
  let url: string;
  const secrets = new Map<string, CryptoKey>();
  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    await publish('k1');
  });
  after(() => server.close());

  const publish = async (kid: string) => {
    const { publicKey, privateKey } = await generateKeyPair('EdDSA', { extractable: true });
    secrets.set(kid, privateKey);
    published.keys.push({ ...(await exportJWK(publicKey)), kid, alg: 'EdDSA', use: 'sig' });
  };
  interface Made {
    kid?: string;
    audience?: string;
    issuer?: string;
    claims?: object;
    atSeconds?: number;
    header?: object;
  }
  const at = Math.floor(Date.now() / 1_000);
  const token = ({
    kid = 'k1',
    audience = 'feeds',
    issuer = 'switchyard',
    claims = {},
    atSeconds = at,
    header,
  }: Made = {}) =>
    new SignJWT({ sid: 's1', handle: 'ada', name: 'Ada', ...claims })
      .setProtectedHeader({ alg: 'EdDSA', kid, ...header })
      .setIssuer(issuer)
      .setAudience(audience)
      .setSubject('u1')
      .setIssuedAt(atSeconds)
      .setExpirationTime(atSeconds + 60)
      .sign(secrets.get(kid)!);

  it('of identity are read for their audience, and for nobody else', async () => {
    const verifier = new IdentityVerifier(remoteKeys(url), 'feeds');
    const who = { id: 'u1', handle: 'ada', name: 'Ada', sessionId: 's1' };
    assert.deepEqual(await verifier.verify(await token()), who);
    for (const bad of [
      await token({ audience: 'users' }),
      await token({ audience: 'switchyard:gateway' }),
      await token({ issuer: 'somebody' }),
      await token({ claims: { handle: 7 } }),
      await token({ atSeconds: at - 120 }),
      new UnsecuredJWT({ sid: 's', handle: 'ada', name: 'Ada' })
        .setAudience('feeds')
        .setIssuer('switchyard')
        .setSubject('u1')
        .setExpirationTime('1m')
        .encode(),
      (await token()).slice(0, -4) + 'AAAA',
      'a.b.c',
      '',
    ])
      assert.equal(await verifier.verify(bad), null, bad);
  });

  it('lapse, also when they were verified before', async () => {
    let nowMs = at * 1_000;
    const verifier = new IdentityVerifier(remoteKeys(url), 'feeds', () => nowMs);
    const one = await token();
    assert.ok(await verifier.verify(one));
    nowMs += 59_000;
    assert.ok(await verifier.verify(one));
    nowMs += 10_000;
    assert.equal(await verifier.verify(one), null);
  });

  it('are verified without asking for the keys again, also while the gateway is away', async () => {
    const verifier = new IdentityVerifier(remoteKeys(url), 'feeds');
    await verifier.verify(await token());
    const before = fetched;
    isAway = true;
    assert.ok(await verifier.verify(await token({ claims: { jti: '2' } })));
    assert.equal(fetched, before);
    isAway = false;
  });

  it('cannot be judged, which is an error and not a refusal, when the keys were never to be had', async () => {
    isAway = true;
    await assert.rejects(new IdentityVerifier(remoteKeys(url), 'feeds').verify(await token()));
    isAway = false;
  });

  it('of a rotated key are read after the keys are fetched again; without a key id they are refused', async () => {
    const verifier = new ServiceTokenVerifier(remoteKeys(url));
    await publish('k2');
    const service = { audience: 'switchyard:services', kid: 'k2' };
    assert.equal(await verifier.verify(await token(service)), 'u1');
    assert.equal(await verifier.verify(await token({ ...service, header: { kid: undefined } })), null);
    assert.equal(await verifier.verify(await token({ kid: 'k2' })), null, 'an identity token is no SERVICE_TOKEN');
  });

  it('are taken from a bearer header, in any case of the scheme, and from no other', () => {
    assert.equal(bearerOf('Bearer a.b-c'), 'a.b-c');
    assert.equal(bearerOf('bearer x'), 'x');
    for (const header of [undefined, '', 'Bearer', 'Bearer ', 'Bearer a b', 'Basic abc', 'Bearer a,b'])
      assert.equal(bearerOf(header), null);
  });
});
