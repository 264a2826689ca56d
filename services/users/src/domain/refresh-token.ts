/** Refresh tokens: what a client holds, what is stored of it, and how each leads to its successor. */
import { createHash, createHmac } from 'node:crypto';

const FAMILY_BYTES = 16;
const SECRET_BYTES = 32;
const TOKEN = /^[A-Za-z0-9_-]{64}$/;

/** A family key, the same in all tokens of one session, and a secret of 256 bits, new in each. */
export interface RefreshToken {
  readonly family: Buffer;
  readonly secret: Buffer;
}

/** The first token of a session. */
export const firstToken = (random: (bytes: number) => Buffer): RefreshToken => ({
  family: random(FAMILY_BYTES),
  secret: random(SECRET_BYTES),
});

/** 64 characters, safe in a cookie. */
export const formatToken = (token: RefreshToken): string =>
  Buffer.concat([token.family, token.secret]).toString('base64url');

/** null for anything that was never a token of ours. */
export function parseToken(written: string): RefreshToken | null {
  if (!TOKEN.test(written)) return null;
  const bytes = Buffer.from(written, 'base64url');
  return { family: bytes.subarray(0, FAMILY_BYTES), secret: bytes.subarray(FAMILY_BYTES) };
}

/** All that is stored: who reads the database can make no token of it. 256 random bits need no slow hash. */
export const storedHash = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();

/** Random bytes stored with a rotation. */
export const newSalt = (random: (bytes: number) => Buffer): Buffer => random(SECRET_BYTES);

/**
 * The successor that a rotation gave out. It needs both the old secret (the client's) and the salt (the database's), so that
 * the same successor can be given again within the grace although neither side alone could make it.
 */
export const successorOf = (token: RefreshToken, salt: Buffer): RefreshToken => ({
  family: token.family,
  secret: createHmac('sha256', token.secret).update(salt).digest(),
});
