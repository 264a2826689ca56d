/** Access tokens: signed when somebody signs in or refreshes, verified once, and remembered until they lapse. */
import { ACCESS_AUDIENCE, accessClaims, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import type { Identity } from '@switchyard/contracts/identity';
import { ACCESS_TOKEN_SECONDS } from '@switchyard/contracts/session';
import { decodeJwt, errors as joseErrors, jwtVerify, SignJWT } from 'jose';
import { BoundedMap } from '../bounded-map.ts';
import type { EndedSessions } from './ended-sessions.ts';
import type { KeyRing } from './key-ring.ts';

/** A valid access token, as the gateway works with it. */
export interface Grant {
  readonly who: Identity;
  readonly sessionId: string;
  /** Milliseconds since 1970. */
  readonly expiresAtMs: number;
  /** Identity tokens minted for it, by service. */
  readonly minted: Map<string, MintedIdentity>;
}

export interface MintedIdentity {
  readonly token: string;
  /** Milliseconds since 1970. */
  readonly mintedAtMs: number;
}

const REMEMBERED_MAX = 20_000;

export class AccessTokens {
  private readonly keys: KeyRing;
  private readonly ended: EndedSessions;
  /** Milliseconds since 1970. */
  private readonly nowMs: () => number;
  private readonly remembered = new BoundedMap<Grant>(REMEMBERED_MAX);

  constructor(keys: KeyRing, ended: EndedSessions, nowMs: () => number = Date.now) {
    this.keys = keys;
    this.ended = ended;
    this.nowMs = nowMs;
  }

  async issue(who: Identity, sessionId: string): Promise<{ token: string; grant: Grant }> {
    const iat = Math.floor(this.nowMs() / 1_000);
    const { kid, privateKey } = this.keys.signer;
    const token = await new SignJWT({ sid: sessionId, handle: who.handle, name: who.name })
      .setProtectedHeader({ alg: 'EdDSA', kid })
      .setIssuer(TOKEN_ISSUER)
      .setAudience(ACCESS_AUDIENCE)
      .setSubject(who.id)
      .setIssuedAt(iat)
      .setExpirationTime(iat + ACCESS_TOKEN_SECONDS)
      .sign(privateKey);
    return { token, grant: this.remember(token, who, sessionId, iat + ACCESS_TOKEN_SECONDS) };
  }

  /** A token that was verified before; null when it is not valid any more; undefined when it has to be verified. */
  known(token: string): Grant | null | undefined {
    const grant = this.remembered.get(token);
    if (grant === undefined) return undefined;
    if (grant.expiresAtMs > this.nowMs() && !this.ended.has(grant.sessionId)) return grant;
    this.remembered.delete(token);
    return null;
  }

  /** null when it is not valid. */
  async verify(token: string): Promise<Grant | null> {
    const known = this.known(token);
    if (known !== undefined) return known;
    try {
      const { payload } = await jwtVerify(
        token,
        async (header) => {
          const key = await this.keys.publicKeyOf(header.kid ?? '');
          if (key === null) throw new joseErrors.JWKSNoMatchingKey();
          return key;
        },
        {
          issuer: TOKEN_ISSUER,
          audience: ACCESS_AUDIENCE,
          algorithms: ['EdDSA', 'Ed25519'],
          currentDate: new Date(this.nowMs()),
        },
      );
      const claims = accessClaims.safeParse(payload);
      if (!claims.success || this.ended.has(claims.data.sid)) return null;
      const { sub, handle, name, sid, exp } = claims.data;
      return this.remember(token, { id: sub, handle, name }, sid, exp);
    } catch (error) {
      if (error instanceof joseErrors.JOSEError) return null;
      throw error;
    }
  }

  /**
   * The token of an Authorization header when it is one of ours by its looks, valid or not; '' for every other credential, which
   * is none of the gateway's business.
   */
  ownBearer(authorization: string): string {
    const token = BEARER.exec(authorization)?.[1];
    if (token === undefined || this.remembered.get(token) !== undefined) return token ?? '';
    try {
      const claims = decodeJwt(token);
      return claims.iss === TOKEN_ISSUER && claims.aud === ACCESS_AUDIENCE ? token : '';
    } catch {
      return '';
    }
  }

  /** Sessions of a user that were seen here. */
  sessionsOf(userId: string): Set<string> {
    const found = new Set<string>();
    for (const grant of this.remembered.values()) if (grant.who.id === userId) found.add(grant.sessionId);
    return found;
  }

  private remember(token: string, who: Identity, sessionId: string, expiresAt: number): Grant {
    const grant: Grant = { who, sessionId, expiresAtMs: expiresAt * 1_000, minted: new Map() };
    this.remembered.set(token, grant);
    return grant;
  }
}

/** Any white space between: what we would not know for ours would be passed on. */
const BEARER = /^Bearer[ \t]+([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)$/i;
