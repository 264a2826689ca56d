/** How the browser application is built: into dist/web, compressed, with the files of the last builds kept beside the new ones. */
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';
import type { Plugin } from 'vite';

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, '../dist/web');
const KEEP_MS = 7 * 24 * 3_600_000;
/** Scripts and styles together: about ten builds. */
const KEPT_MAX = 20;
const TEXT = /\.(?:html|js|css|svg)$/;

/** The files of earlier builds stay for a while, so that a page which was opened before a swap still gets its script; everything is compressed here, so that the server never does. */
function keepAndCompress(): Plugin {
  return {
    name: 'keep-and-compress',
    apply: 'build',
    // Not closeBundle: that comes after a build that failed too, and its own fault would hide the reason.
    async writeBundle() {
      await forgetOldBuilds(path.join(out, 'assets'));
      for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
        if (entry.isFile() && TEXT.test(entry.name)) await compress(path.join(entry.parentPath, entry.name));
      }
    },
  };
}

async function forgetOldBuilds(assets: string): Promise<void> {
  const names = (await readdir(assets)).filter((name) => TEXT.test(name));
  const files = await Promise.all(
    names.map(async (name) => ({ name, writtenMs: (await stat(path.join(assets, name))).mtimeMs })),
  );
  files.sort((a, b) => b.writtenMs - a.writtenMs);
  for (const [index, { name, writtenMs }] of files.entries()) {
    if (index < KEPT_MAX && Date.now() - writtenMs < KEEP_MS) continue;
    for (const suffix of ['', '.gz', '.br']) await rm(path.join(assets, name + suffix), { force: true });
  }
}

/** Writes `file.br` and `file.gz` beside a file for which that is worth it. */
async function compress(file: string): Promise<void> {
  const body = await readFile(file);
  if (body.length < 1_000) return;
  await writeFile(`${file}.gz`, gzipSync(body, { level: 9 }));
  await writeFile(`${file}.br`, brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
}

export default defineConfig({
  root: here,
  plugins: [react(), keepAndCompress()],
  build: {
    outDir: out,
    emptyOutDir: false,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: [path.join(here, 'index.html'), path.join(here, '404.html')] },
  },
});
