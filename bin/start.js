/** `npm start`: installs packages where they are missing, compiles, and runs the yard in the foreground. Plain JavaScript that needs nothing installed. */
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '..');
const say = (message) => console.error(`switchyard: ${message}`);

const major = Number(process.versions.node.split('.')[0]);
if (major < 20) {
  say(`Node.js 20 or later is needed to begin with; this is ${process.version} (https://nodejs.org)`);
  process.exit(1);
}

const { installPackages, NotInstalled } = await import('./packages.js');
const { NoPinnedNode, pinnedNode, resolved, runForeground } = await import('./pinned-node.js');

/** Services are built by `yard up` itself, as switchyard.yaml says; compiling them here as well makes that quick. `npm run demo` needs its own. */
const PROJECTS = [
  'platform/registry',
  'platform/gateway',
  'platform/yard',
  'services/users',
  'services/feeds',
  'services/front',
  'demo',
];

try {
  await installPackages(root, say);
  const node = pinnedNode();
  const compiled = await runForeground(node, [resolve(root, 'node_modules/typescript/bin/tsc'), '-b', ...PROJECTS], {
    cwd: root,
  });
  if (compiled !== 0) {
    if (compiled < 128) say('it does not compile; the faults are above');
    process.exit(compiled);
  }
  process.exitCode = await runForeground(
    node,
    [
      '--enable-source-maps',
      '--max-semi-space-size=1',
      resolved('@switchyard/yard/main'),
      'up',
      ...process.argv.slice(2),
    ],
    { cwd: root },
  );
} catch (error) {
  if (!(error instanceof NotInstalled || error instanceof NoPinnedNode)) throw error;
  say(error.message);
  process.exitCode = 1;
}
