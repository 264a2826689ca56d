/** Knows the operator's token and the key that SERVICE_TOKENs are signed with, both from files that the yard writes. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ServiceTokenVerifier } from '@switchyard/kit/identity/tokens';
import type { Logger } from '@switchyard/kit/log';
import { createLocalJWKSet, errors } from 'jose';
import type { JSONWebKeySet, JWK, JWTVerifyGetKey } from 'jose';

/** A file is read again at most this often, when a token does not fit what was read before. */
const READ_AGAIN_MS = 1_000;

export interface CredentialFiles {
  readonly operatorToken: string;
  /** A JWK, or a set of them. */
  readonly serviceKeys: string;
}

export class Credentials {
  private readonly operatorToken: FollowedFile<string>;
  private readonly verifier: ServiceTokenVerifier;

  constructor(files: CredentialFiles, log: Logger, now: () => number = Date.now) {
    this.operatorToken = new FollowedFile(files.operatorToken, (text) => text.trim(), log, now);
    const keys = new FollowedFile(files.serviceKeys, keysOf, log, now);
    this.verifier = new ServiceTokenVerifier(async (header, token) => {
      try {
        return await keyFor(await keys.read(), header, token);
      } catch {
        return keyFor(await keys.readAgain(), header, token);
      }
    }, now);
  }

  async isOperator(token: string): Promise<boolean> {
    return isSame(token, await this.operatorToken.read()) || isSame(token, await this.operatorToken.readAgain());
  }

  /** The service that the token is of; null when it is of none. */
  serviceOf(token: string): Promise<string | null> {
    return this.verifier.verify(token);
  }
}

/** Null while there is no such file, or nothing usable in it. */
class FollowedFile<T> {
  private readonly file: string;
  private readonly parse: (text: string) => T;
  private readonly log: Logger;
  private readonly now: () => number;
  private value: T | null = null;
  private readAtMs = -Infinity;
  private reading: Promise<T | null> | null = null;

  constructor(file: string, parse: (text: string) => T, log: Logger, now: () => number) {
    this.file = file;
    this.parse = parse;
    this.log = log;
    this.now = now;
  }

  /** What was read last. */
  read(): Promise<T | null> {
    return this.value === null ? this.readAgain() : Promise.resolve(this.value);
  }

  readAgain(): Promise<T | null> {
    if (this.now() - this.readAtMs < READ_AGAIN_MS) return this.reading ?? Promise.resolve(this.value);
    this.readAtMs = this.now();
    this.reading = readFile(this.file, 'utf8')
      .then((text) => {
        this.value = this.parse(text);
        return this.value;
      })
      .catch((error: unknown) => {
        this.log.warn({ err: error, file: this.file }, 'cannot be read');
        return this.value;
      });
    return this.reading;
  }
}

function keysOf(text: string): JWTVerifyGetKey {
  const parsed = JSON.parse(text) as (JWK & { keys?: never }) | JSONWebKeySet;
  return createLocalJWKSet(parsed.keys === undefined ? { keys: [parsed] } : parsed);
}

function keyFor(keys: JWTVerifyGetKey | null, ...of: Parameters<JWTVerifyGetKey>): ReturnType<JWTVerifyGetKey> {
  if (keys === null) throw new errors.JWKSNoMatchingKey();
  return keys(...of);
}

/** In the same time whatever they are; an empty token is nobody's. */
function isSame(given: string, wanted: string | null): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return wanted !== null && wanted !== '' && timingSafeEqual(digest(given), digest(wanted));
}
