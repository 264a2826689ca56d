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
const TEXT = /\.(?:html|js|css|svg)$/;

/** Files of earlier builds stay for a week, so that a page which was opened before a swap still gets its scripts. */
function keepLastBuilds(): Plugin {
  return {
    name: 'keep-last-builds',
    apply: 'build',
    async closeBundle() {
      const assets = path.join(out, 'assets');
      for (const name of await readdir(assets)) {
        const file = path.join(assets, name);
        if (Date.now() - (await stat(file)).mtimeMs > KEEP_MS) await rm(file, { force: true });
      }
    },
  };
}

/** Writes `file.br` and `file.gz` beside each text file, so that the server never compresses. */
function compress(): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    async closeBundle() {
      for (const entry of await readdir(out, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !TEXT.test(entry.name)) continue;
        const file = path.join(entry.parentPath, entry.name);
        const body = await readFile(file);
        if (body.length < 1_000) continue;
        await writeFile(`${file}.gz`, gzipSync(body, { level: 9 }));
        await writeFile(`${file}.br`, brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }));
      }
    },
  };
}

export default defineConfig({
  root: here,
  plugins: [react(), keepLastBuilds(), compress()],
  build: {
    outDir: out,
    emptyOutDir: false,
    target: 'es2023',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: { input: [path.join(here, 'index.html'), path.join(here, '404.html')] },
  },
});
