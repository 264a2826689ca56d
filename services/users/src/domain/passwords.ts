/** Hashes and checks passwords, a few at a time, so that a burst of sign-ins takes neither the memory nor the thread pool. */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { usersErrors } from './errors.ts';
import {
  formatPasswordHash,
  HASH_PARAMETERS,
  isOutdated,
  parsePasswordHash,
  SALT_BYTES,
  TAG_BYTES,
} from './password-hash.ts';
import type { HashParameters, PasswordHash } from './password-hash.ts';

/** Two of libuv's four threads (about 20 ms and 19 MiB each) leave two for everything else. */
const CONCURRENT_MAX = 2;
/** What may wait for a turn: about three seconds of work. */
const WAITING_MAX = 256;

export interface CheckedPassword {
  readonly matches: boolean;
  /** Matches, and is to be stored anew because its parameters are not those of today. */
  readonly outdated: boolean;
}

export class Passwords {
  private readonly parameters: HashParameters;
  private readonly random: (bytes: number) => Buffer;
  private readonly waitingMax: number;
  private readonly waiting: (() => void)[] = [];
  private running = 0;
  private decoy: Promise<string> | null = null;

  constructor(options: { parameters?: HashParameters; random?: (bytes: number) => Buffer; waitingMax?: number } = {}) {
    this.parameters = options.parameters ?? HASH_PARAMETERS;
    this.random = options.random ?? randomBytes;
    this.waitingMax = options.waitingMax ?? WAITING_MAX;
  }

  /** How many are running or wait for their turn. */
  get load(): number {
    return this.running + this.waiting.length;
  }

  /** The PHC string to store, or USERS_BUSY. */
  async hash(password: string): Promise<string | Refusal> {
    return this.inTurn(() => this.made(password));
  }

  /**
   * Compares in constant time. Without a stored hash (nobody has that login) a decoy is checked all the same, so that the
   * time it takes does not tell who has an account.
   */
  async check(password: string, stored: string | null): Promise<CheckedPassword | Refusal> {
    return this.inTurn(async () => {
      const hash = parsePasswordHash(stored ?? (await this.decoyHash()));
      const tag = await derived(password, hash, hash.salt, hash.tag.length);
      const matches = stored !== null && timingSafeEqual(tag, hash.tag);
      return { matches, outdated: matches && isOutdated(hash, this.parameters) };
    });
  }

  private decoyHash(): Promise<string> {
    this.decoy ??= this.made(this.random(TAG_BYTES).toString('hex'));
    return this.decoy;
  }

  /** Makes the decoy ahead of the first sign-in, whose time would otherwise tell. */
  async prepare(): Promise<void> {
    await this.decoyHash();
  }

  private async made(password: string): Promise<string> {
    const salt = this.random(SALT_BYTES);
    const tag = await derived(password, this.parameters, salt, TAG_BYTES);
    return formatPasswordHash({ ...this.parameters, salt, tag });
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T | Refusal> {
    if (this.running >= CONCURRENT_MAX) {
      if (this.waiting.length >= this.waitingMax) return refuse(usersErrors.BUSY, { retryAfterSeconds: 2 });
      await new Promise<void>((turn) => this.waiting.push(turn));
    } else {
      this.running++;
    }
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next === undefined) this.running--;
      else next();
    }
  }
}

/** Compatibility forms of one character are one password, whatever keyboard it was typed on (NIST SP 800-63B section 5.1.1.2). */
function derived(
  password: string,
  parameters: HashParameters | PasswordHash,
  salt: Buffer,
  tagBytes: number,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        message: Buffer.from(password.normalize('NFKC')),
        nonce: salt,
        parallelism: parameters.lanes,
        tagLength: tagBytes,
        memory: parameters.memoryKib,
        passes: parameters.passes,
      },
      (error, tag) => (error === null ? resolve(tag) : reject(error)),
    );
  });
}
