#!/usr/bin/env node
// `npm run demo`: the compiled loader of demo data; it runs on any Node.js from 20.
import { existsSync } from 'node:fs';

const main = new URL('../demo/dist/main.js', import.meta.url);
if (existsSync(main)) {
  await import(main.href);
} else {
  console.error('demo: not built yet; run npm start (or npm run build) first');
  process.exitCode = 1;
}
