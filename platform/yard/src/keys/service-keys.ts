/** The keys of a yard, in `.yard/keys` and `.yard/operator.token`: made once, readable by the owner alone. */
import { randomBytes } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import { join } from 'node:path';
import { SERVICE_AUDIENCE, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { makePrivateFolder, readFileIfAny, writeFileAtomic } from '../state/atomic-file.ts';

const PRIVATE = 'services.private.jwk.json';
const PUBLIC = 'services.public.jwk.json';

/** Signs the SERVICE_TOKENs. */
export class ServiceKeys {
  private readonly key: CryptoKey;
  private readonly keyId: string;
  private constructor(key: CryptoKey, keyId: string) {
    this.key = key;
    this.keyId = keyId;
  }

  /** Reads the pair of the yard, or makes it (Ed25519). Throws when what is there is not a key. */
  static async open(folder: string): Promise<ServiceKeys> {
    await makePrivateFolder(folder);
    const written = await readFileIfAny(join(folder, PRIVATE));
    const jwk = written === null ? await makeKey() : parseKey(written, join(folder, PRIVATE));
    if (written === null) await writeFileAtomic(join(folder, PRIVATE), JSON.stringify(jwk));
    const { d: _secret, ...publicHalf } = jwk;
    const text = JSON.stringify(publicHalf);
    if ((await readFileIfAny(join(folder, PUBLIC))) !== text) await writeFileAtomic(join(folder, PUBLIC), text);
    return new ServiceKeys((await importJWK(jwk, 'EdDSA')) as CryptoKey, jwk.kid!);
  }

  /** A SERVICE_TOKEN: says who a service is, to the registry and to other services. It does not lapse; making new keys ends it. */
  tokenFor(service: string, now: Date): Promise<string> {
    return new SignJWT()
      .setProtectedHeader({ alg: 'EdDSA', kid: this.keyId })
      .setIssuer(TOKEN_ISSUER)
      .setAudience(SERVICE_AUDIENCE)
      .setSubject(service)
      .setIssuedAt(Math.floor(now.getTime() / 1_000))
      .sign(this.key);
  }
}

/** What may stand in a header. */
const TOKEN = /^[\x21-\x7e]+$/;

/** The operator's token: 256 random bits, made when there is none. Throws when what is there is no token. */
export async function operatorToken(file: string): Promise<string> {
  const written = (await readFileIfAny(file))?.trim() ?? '';
  if (written !== '') {
    if (!TOKEN.test(written)) throw new Error(`${file} is not a token; move it away, and a new one is made`);
    await chmod(file, 0o600);
    return written;
  }
  const token = randomBytes(32).toString('base64url');
  await writeFileAtomic(file, `${token}\n`);
  return token;
}

async function makeKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, alg: 'EdDSA', use: 'sig', kid: await calculateJwkThumbprint(jwk) };
}

function parseKey(text: string, path: string): JWK {
  try {
    const jwk = JSON.parse(text) as JWK;
    if (jwk.kty === 'OKP' && typeof jwk.d === 'string' && typeof jwk.kid === 'string') return jwk;
  } catch {
    // Told below, like any other content that is not a key.
  }
  throw new Error(
    `${path} is not a key; move it away, and a new one is made (services get new tokens with their next start)`,
  );
}
