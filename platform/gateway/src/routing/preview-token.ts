/** Recognises the operator's token by its hash, which is all that the gateway is given of it. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Longer than any token of ours; what is longer is not even hashed. */
const TOKEN_MAX = 512;

export class PreviewToken {
  private readonly expected: Buffer | null;

  /** SHA-256 of the token, 64 digits of hex; absent: no token opens a preview. */
  constructor(sha256Hex: string | undefined) {
    this.expected = sha256Hex === undefined ? null : Buffer.from(sha256Hex, 'hex');
  }

  /** In constant time, so that nobody learns by trying how much of a guess is right. */
  matches(token: string): boolean {
    if (this.expected === null || token === '' || token.length > TOKEN_MAX) return false;
    return timingSafeEqual(createHash('sha256').update(token, 'latin1').digest(), this.expected);
  }
}
