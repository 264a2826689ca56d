/** A stored password: the PHC string of an argon2id hash, which carries its own parameters. */

/** RFC 9106; `memoryKib` is KiB, `passes` and `lanes` are counts. */
export interface HashParameters {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

export interface PasswordHash extends HashParameters {
  readonly salt: Buffer;
  readonly tag: Buffer;
}

/** OWASP Password Storage Cheat Sheet, argon2id: 19 MiB, 2 passes, 1 lane. Raising them rehashes each password at its next sign-in. */
export const HASH_PARAMETERS: HashParameters = { memoryKib: 19_456, passes: 2, lanes: 1 };
export const SALT_BYTES = 16;
export const TAG_BYTES = 32;

const PHC =
  /^\$argon2id\$v=19\$m=([1-9][0-9]{0,7}),t=([1-9][0-9]{0,3}),p=([1-9][0-9]{0,2})\$([A-Za-z0-9+/]{11,88})\$([A-Za-z0-9+/]{11,88})$/;

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

/** `$argon2id$v=19$m=19456,t=2,p=1$salt$tag`, Base64 without padding (PHC string format). */
export const formatPasswordHash = (hash: PasswordHash): string =>
  `$argon2id$v=19$m=${hash.memoryKib},t=${hash.passes},p=${hash.lanes}$${unpadded(hash.salt)}$${unpadded(hash.tag)}`;

/** @throws Error when it is no argon2id PHC string: what the database holds was written by something else */
export function parsePasswordHash(phc: string): PasswordHash {
  const parts = PHC.exec(phc);
  if (parts === null) throw new Error('a stored password is not an argon2id PHC string');
  return {
    memoryKib: Number(parts[1]),
    passes: Number(parts[2]),
    lanes: Number(parts[3]),
    salt: Buffer.from(parts[4]!, 'base64'),
    tag: Buffer.from(parts[5]!, 'base64'),
  };
}

/** Whether it was made with other parameters than those of today. */
export const isOutdated = (hash: HashParameters, today: HashParameters = HASH_PARAMETERS): boolean =>
  hash.memoryKib !== today.memoryKib || hash.passes !== today.passes || hash.lanes !== today.lanes;
