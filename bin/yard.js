#!/usr/bin/env node
/** The command `yard`: finds the pinned Node.js and the compiled platform, and runs the one on the other. */
import { existsSync } from 'node:fs';
import { pinnedNode, NoPinnedNode, resolved, runForeground } from './pinned-node.js';

const main = resolved('@switchyard/yard/main');
if (main === null || !existsSync(main)) {
  console.error('yard: not built yet. Run npm start (installs, builds and runs), or npm ci and npm run build.');
  process.exit(1);
}
// When the command was typed: a swap that was asked for while another went on is told from one that was asked for later.
process.env.YARD_TYPED_AT_MS = String(performance.timeOrigin);
try {
  // The supervisor is seldom busy: a small young generation takes 60 MB off its memory.
  const flags = ['--enable-source-maps', '--max-semi-space-size=1'];
  process.exitCode = await runForeground(pinnedNode(), [...flags, main, ...process.argv.slice(2)]);
} catch (error) {
  if (!(error instanceof NoPinnedNode)) throw error;
  console.error(`yard: ${error.message}`);
  process.exitCode = 1;
}
