/** Identity tokens: who asks, signed for one service, by which identity travels inside the yard. */
import { TOKEN_ISSUER } from '@switchyard/contracts/identity';
import { SignJWT } from 'jose';
import type { Grant } from './access-tokens.ts';
import type { KeyRing } from './key-ring.ts';

/** Minted at most this often for each session and service … */
const REUSE_MS = 30_000;
/** … and living this long, so that what is sent has half a minute left. */
const LIFETIME_SECONDS = 60;

export class IdentityTokens {
  private readonly keys: KeyRing;
  /** Milliseconds since 1970. */
  private readonly nowMs: () => number;
  private readonly minting = new Map<string, Promise<string>>();

  constructor(keys: KeyRing, nowMs: () => number = Date.now) {
    this.keys = keys;
    this.nowMs = nowMs;
  }

  /** A token that is fresh enough; '' when one has to be minted. */
  fresh(grant: Grant, service: string): string {
    const minted = grant.minted.get(service);
    if (minted === undefined) return '';
    const ageMs = this.nowMs() - minted.mintedAtMs;
    // Below 0 after the clock was set back: a service whose clock was not would find it lapsed.
    return ageMs >= 0 && ageMs < REUSE_MS ? minted.token : '';
  }

  /** Once for all who ask at the same time. */
  mint(grant: Grant, service: string): Promise<string> {
    const key = `${grant.sessionId} ${grant.expiresAtMs} ${service}`;
    const running = this.minting.get(key);
    if (running !== undefined) return running;
    const minting = this.sign(grant, service).finally(() => this.minting.delete(key));
    this.minting.set(key, minting);
    return minting;
  }

  private async sign(grant: Grant, service: string): Promise<string> {
    const mintedAtMs = this.nowMs();
    const iat = Math.floor(mintedAtMs / 1_000);
    const { kid, privateKey } = this.keys.signer;
    const token = await new SignJWT({ sid: grant.sessionId, handle: grant.who.handle, name: grant.who.name })
      .setProtectedHeader({ alg: 'EdDSA', kid })
      .setIssuer(TOKEN_ISSUER)
      .setAudience(service)
      .setSubject(grant.who.id)
      .setIssuedAt(iat)
      .setExpirationTime(iat + LIFETIME_SECONDS)
      .sign(privateKey);
    grant.minted.set(service, { token, mintedAtMs });
    return token;
  }
}
