/** The keys that the gateway signs with: files shared by all gateways of a yard, made, rotated and published here. */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '@switchyard/kit/log';
import { exportJWK, generateKeyPair, importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { z } from 'zod';

const DAY_MS = 86_400_000;
const CHECK_EVERY_MS = 3_600_000;
/** A key of this age gets a successor. */
export const ROTATE_AFTER_MS = 30 * DAY_MS;
/**
 * The successor is published for so long before it signs: every gateway has looked into the directory by then, and services that
 * keep our public keys for a while have fetched them again. So nobody ever gets a token of a key that he has not heard of.
 */
export const PUBLISH_AHEAD_MS = 2 * CHECK_EVERY_MS;
/** From when the successor signs, the old one verifies on until all it signed has lapsed (10 minutes), with time to spare. */
export const KEEP_AFTER_MS = DAY_MS;
/** A key id that is not known makes the directory be read again, at most this often unless it has changed: another gateway may have rotated. */
const REREAD_AFTER_MS = 1_000;

const FILE = /^gateway-([A-Za-z0-9_-]{1,64})\.private\.jwk\.json$/;
const SERVICES_FILE = 'services.public.jwk.json';

const privateJwk = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  kid: z.string().min(1),
  x: z.string(),
  d: z.string(),
  createdAt: z.int().describe('Milliseconds since 1970'),
});
const publicJwk = z.looseObject({ kty: z.string(), kid: z.string().min(1) });

interface Key {
  readonly kid: string;
  readonly createdAtMs: number;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
  readonly publicJwk: JWK;
}

export interface Signer {
  readonly kid: string;
  readonly privateKey: CryptoKey;
}

export class KeyRing {
  private readonly directory: string;
  private readonly log: Logger;
  private readonly nowMs: () => number;
  private keys = new Map<string, Key>();
  /** From the newest to the oldest. */
  private byAge: readonly Key[] = [];
  private servicesJwk: JWK | null = null;
  private readAtMs = -Infinity;
  private changedAtMs = 0;
  private reading: Promise<void> | null = null;
  private timer: NodeJS.Timeout | null = null;

  private constructor(directory: string, log: Logger, nowMs: () => number) {
    this.directory = directory;
    this.log = log;
    this.nowMs = nowMs;
  }

  /** Reads the keys, and makes the first one. `nowMs`: milliseconds since 1970. @throws when the directory cannot be used */
  static async open(directory: string, log: Logger, nowMs: () => number = Date.now): Promise<KeyRing> {
    const ring = new KeyRing(directory, log, nowMs);
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await ring.rotate();
    return ring;
  }

  /** Looks every hour whether it is time to rotate. */
  start(): void {
    this.timer ??= setInterval(() => {
      this.rotate().catch((error: unknown) => this.log.error({ err: error }, 'signing keys could not be rotated'));
    }, CHECK_EVERY_MS).unref();
  }

  stop(): void {
    if (this.timer !== null) clearInterval(this.timer);
  }

  /** The newest one that has been published for long enough; the first one of all signs at once. */
  get signer(): Signer {
    const signsFrom = this.nowMs() - PUBLISH_AHEAD_MS;
    const signer = this.byAge.find((key) => key.createdAtMs <= signsFrom) ?? this.byAge.at(-1);
    if (signer === undefined) throw new Error('the key ring is not open');
    return signer;
  }

  /** The public key of one of our own keys; null when there is none of that id. */
  async publicKeyOf(kid: string): Promise<CryptoKey | null> {
    if (!this.keys.has(kid)) await this.readLately();
    return this.keys.get(kid)?.publicKey ?? null;
  }

  /** All public halves, ours and the yard's, for `/.well-known/jwks.json`. */
  async published(): Promise<{ keys: JWK[] }> {
    await this.readLately();
    const ours = this.byAge.map((key) => key.publicJwk);
    return { keys: this.servicesJwk === null ? ours : [...ours, this.servicesJwk] };
  }

  /** Makes a key when there is none that is young enough, and forgets those that nothing is verified with any more. */
  async rotate(): Promise<void> {
    await this.read();
    const nowMs = this.nowMs();
    const newest = this.byAge[0];
    if (newest === undefined || nowMs - newest.createdAtMs >= ROTATE_AFTER_MS) {
      await this.make(nowMs);
      await this.read();
    }
    if (this.byAge.length === 0)
      throw new Error(`no usable signing key in ${this.directory}: remove the broken file there`);
    const succeeded = this.byAge.findIndex((key) => nowMs - key.createdAtMs >= PUBLISH_AHEAD_MS + KEEP_AFTER_MS);
    if (succeeded === -1) return;
    for (const key of this.byAge.slice(succeeded + 1)) await unlink(this.fileOf(key.kid)).catch(() => {});
    await this.read();
  }

  private fileOf(kid: string): string {
    return join(this.directory, `gateway-${kid}.private.jwk.json`);
  }

  /**
   * Several gateways may start at once. The id is the day, so all make the same file, and linking a finished file into place
   * fails for all but one: nobody ever reads half a key, nobody signs with a key that another one replaced.
   */
  private async make(nowMs: number): Promise<void> {
    const kid = `day-${Math.floor(nowMs / DAY_MS)}`;
    const pair = await generateKeyPair('EdDSA', { extractable: true });
    const jwk = { ...(await exportJWK(pair.privateKey)), kid, alg: 'EdDSA', use: 'sig', createdAt: nowMs };
    const temporary = join(this.directory, `.gateway-key-${randomBytes(8).toString('hex')}`);
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(jwk)}\n`);
      await file.sync();
      await link(temporary, this.fileOf(kid));
      this.log.info({ kid }, 'made a signing key');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await file.close();
      await unlink(temporary).catch(() => {});
    }
  }

  /** When the directory has changed, and else now and then; who comes while it is being read waits for the end of it. */
  private async readLately(): Promise<void> {
    if (this.reading !== null) return this.reading;
    const isDue = Math.abs(this.nowMs() - this.readAtMs) >= REREAD_AFTER_MS;
    if (isDue || (await changedAtMs(this.directory)) !== this.changedAtMs) await (this.reading ?? this.read());
  }

  private read(): Promise<void> {
    const reading = this.readNow().finally(() => {
      if (this.reading === reading) this.reading = null;
    });
    this.reading = reading;
    return reading;
  }

  private async readNow(): Promise<void> {
    this.readAtMs = this.nowMs();
    this.changedAtMs = await changedAtMs(this.directory);
    const names = await readdir(this.directory);
    const keys = new Map<string, Key>();
    for (const name of names) {
      const kid = FILE.exec(name)?.[1];
      if (kid === undefined) continue;
      const key = this.keys.get(kid) ?? (await this.readKey(name));
      if (key !== null) keys.set(key.kid, key);
    }
    this.keys = keys;
    this.byAge = [...keys.values()].sort((a, b) => b.createdAtMs - a.createdAtMs);
    this.servicesJwk = names.includes(SERVICES_FILE) ? await this.readServicesKey() : null;
  }

  private async readKey(name: string): Promise<Key | null> {
    try {
      const jwk = privateJwk.parse(JSON.parse(await readFile(join(this.directory, name), 'utf8')));
      const { d: _private, createdAt, ...rest } = jwk;
      const shared: JWK = { ...rest, alg: 'EdDSA', use: 'sig' };
      return {
        kid: jwk.kid,
        createdAtMs: createdAt,
        privateKey: (await importJWK({ ...shared, d: jwk.d }, 'EdDSA')) as CryptoKey,
        publicKey: (await importJWK(shared, 'EdDSA')) as CryptoKey,
        publicJwk: shared,
      };
    } catch (error) {
      this.log.error({ err: error, file: name }, 'a signing key cannot be read and is left out');
      return null;
    }
  }

  private async readServicesKey(): Promise<JWK | null> {
    try {
      const { d: _private, ...jwk } = publicJwk.parse(
        JSON.parse(await readFile(join(this.directory, SERVICES_FILE), 'utf8')),
      );
      return { alg: 'EdDSA', use: 'sig', ...jwk };
    } catch (error) {
      this.log.error({ err: error }, `${SERVICES_FILE} cannot be read: tokens of services will not verify`);
      return null;
    }
  }
}

const changedAtMs = async (directory: string): Promise<number> => (await stat(directory)).mtimeMs;
