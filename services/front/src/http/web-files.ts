/** The built browser application, read into memory once: each file with its encodings, type, ETag and cache rule. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

export type Encoding = 'br' | 'gzip' | 'identity';

export interface WebFile {
  /** MIME type, charset included. */
  readonly type: string;
  /** Content-named files never change; every other one is asked for again each time. */
  readonly immutable: boolean;
  readonly bodies: { readonly identity: Buffer } & { readonly [E in Encoding]?: Buffer };
  /** Quoted, strong, without the encoding. */
  readonly tag: string;
}

/** By URL path, `/index.html`. A path that is no key does not exist, whatever it is made of. */
export type WebFiles = ReadonlyMap<string, WebFile>;

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};
const COMPRESSED: Readonly<Record<string, Encoding>> = { '.br': 'br', '.gz': 'gzip' };
const BYTES_MAX = 32 * 1024 * 1024;

/**
 * Reads `directory` whole (32 MiB at most). `file.br` and `file.gz` are encodings of `file`; files of an unknown type, source maps among them, are left out.
 *
 * @throws Error that says what to do when there is no build
 */
export async function readWebFiles(directory: string): Promise<WebFiles> {
  const bodies = new Map<string, Buffer>();
  let bytes = 0;
  for (const name of await filesIn(directory)) {
    const body = await readFile(path.join(directory, name));
    bytes += body.length;
    if (bytes > BYTES_MAX) throw new Error(`${directory} has more than ${BYTES_MAX} bytes`);
    bodies.set(`/${name.split(path.sep).join('/')}`, body);
  }
  if (!bodies.has('/index.html')) throw new Error(`There is no build of the screens in ${directory}: npm run build`);
  const files = new Map<string, WebFile>();
  for (const [url, body] of bodies) {
    const type = TYPES[path.extname(url)];
    if (type === undefined) continue;
    const encodings = Object.entries(COMPRESSED).flatMap(([suffix, encoding]) => {
      const encoded = bodies.get(url + suffix);
      return encoded === undefined ? [] : [[encoding, encoded] as const];
    });
    files.set(url, {
      type,
      immutable: url.startsWith('/assets/'),
      bodies: { identity: body, ...Object.fromEntries(encodings) },
      tag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    });
  }
  return files;
}

async function filesIn(directory: string): Promise<string[]> {
  try {
    const entries = await readdir(directory, { recursive: true, withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => path.relative(directory, path.join(entry.parentPath, entry.name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
