/** Verifies the signed tokens of requests: identity tokens minted by the gateway, SERVICE_TOKENs made by the yard. */
import { identityClaims, SERVICE_AUDIENCE, serviceClaims, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import type { Identity } from '@switchyard/contracts/identity';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { JWTVerifyGetKey } from 'jose';

/** Public keys by URL: fetched when a key id is new (at most every 5 s), kept while the gateway is away. */
export const remoteKeys = (jwksUrl: string): JWTVerifyGetKey =>
  createRemoteJWKSet(new URL(jwksUrl), {
    timeoutDuration: 2_000,
    cooldownDuration: 5_000,
    cacheMaxAge: Infinity,
  });

/** Verified tokens are remembered until they lapse, so that a signature is checked once; at most `CACHE_MAX` of them. */
const CACHE_MAX = 5_000;

class Remembered<T> {
  private readonly entries = new Map<string, { value: T; untilMs: number }>();
  get(token: string, nowMs: number): T | undefined {
    const entry = this.entries.get(token);
    if (entry === undefined) return undefined;
    if (entry.untilMs > nowMs) return entry.value;
    this.entries.delete(token);
    return undefined;
  }
  set(token: string, value: T, untilMs: number): void {
    if (this.entries.size >= CACHE_MAX) this.entries.delete(this.entries.keys().next().value!);
    this.entries.set(token, { value, untilMs });
  }
}

/** Who asks, and in which session. */
export interface VerifiedIdentity extends Identity {
  readonly sessionId: string;
}

/** Reads identity tokens whose audience is this service. Clock tolerance 5 s. */
export class IdentityVerifier {
  private readonly remembered = new Remembered<VerifiedIdentity>();
  private readonly keys: JWTVerifyGetKey;
  private readonly audience: string;
  private readonly now: () => number;
  constructor(keys: JWTVerifyGetKey, audience: string, now: () => number = Date.now) {
    this.keys = keys;
    this.audience = audience;
    this.now = now;
  }

  /** Who asks; null when the token is not valid here. Throws only when the keys could not be had. */
  async verify(token: string): Promise<VerifiedIdentity | null> {
    const nowMs = this.now();
    const known = this.remembered.get(token, nowMs);
    if (known !== undefined) return known;
    const payload = await verified(token, this.keys, this.audience, nowMs);
    const claims = identityClaims.safeParse(payload);
    if (!claims.success) return null;
    const who = { id: claims.data.sub, handle: claims.data.handle, name: claims.data.name, sessionId: claims.data.sid };
    this.remembered.set(token, who, claims.data.exp * 1_000);
    return who;
  }
}

/** Reads SERVICE_TOKENs. */
export class ServiceTokenVerifier {
  private readonly remembered = new Remembered<string>();
  private readonly keys: JWTVerifyGetKey;
  private readonly now: () => number;
  constructor(keys: JWTVerifyGetKey, now: () => number = Date.now) {
    this.keys = keys;
    this.now = now;
  }

  /** The service's name; null when the token is not valid. Throws only when the keys could not be had. */
  async verify(token: string): Promise<string | null> {
    const nowMs = this.now();
    const known = this.remembered.get(token, nowMs);
    if (known !== undefined) return known;
    const claims = serviceClaims.safeParse(await verified(token, this.keys, SERVICE_AUDIENCE, nowMs));
    if (!claims.success) return null;
    this.remembered.set(token, claims.data.sub, nowMs + 3_600_000);
    return claims.data.sub;
  }
}

/** The token of `Authorization: Bearer …`. */
export const bearerOf = (authorization: string | undefined): string | null =>
  /^Bearer ([A-Za-z0-9._~+/=-]{1,4096})$/i.exec(authorization ?? '')?.[1] ?? null;

const INVALID_TOKEN = new Set([
  'ERR_JWS_INVALID',
  'ERR_JWT_INVALID',
  'ERR_JWT_EXPIRED',
  'ERR_JWT_CLAIM_VALIDATION_FAILED',
  'ERR_JWS_SIGNATURE_VERIFICATION_FAILED',
  'ERR_JOSE_ALG_NOT_ALLOWED',
  'ERR_JOSE_NOT_SUPPORTED',
  'ERR_JWKS_NO_MATCHING_KEY',
  'ERR_JWKS_MULTIPLE_MATCHING_KEYS', // a token without a key id
]);

async function verified(token: string, keys: JWTVerifyGetKey, audience: string, nowMs: number): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer: TOKEN_ISSUER,
      audience,
      algorithms: ['EdDSA', 'Ed25519'],
      clockTolerance: 5,
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch (error) {
    if (INVALID_TOKEN.has((error as { code?: string }).code ?? '')) return null;
    throw error;
  }
}
