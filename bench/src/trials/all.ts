/** Every trial, one after the other, each as long as it takes by default: `node bench/dist/trials/all.js [--quick]`. Ends with 1 when a promise was broken. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const TRIALS: readonly (readonly [name: string, usual: readonly string[], quick: readonly string[]])[] = [
  ['foreign-tools', [], ['--seconds', '20']],
  ['big-bodies', [], []],
  ['idle-connections', [], ['--connections', '2000']],
  ['slow-instance', [], ['--rounds', '1']],
  ['outage', [], []],
  ['standstill', [], []],
  ['killed-instance', [], []],
  ['slow-clients', [], ['--seconds', '30', '--connections', '500']],
  ['soak', [], ['--minutes', '1']],
  ['registry-away', [], ['--minutes', '1']],
];

let broken = 0;
for (const [name, usual, quick] of TRIALS) {
  const main = path.join(import.meta.dirname, `${name}.js`);
  const child = spawn(process.execPath, [main, ...(values.quick ? quick : usual)], { stdio: 'inherit' });
  const code = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve).once('error', () => resolve(1));
  });
  if (code !== 0) broken += 1;
}
console.log(`\n${TRIALS.length - broken} of ${TRIALS.length} trials kept all their promises`);
process.exitCode = broken === 0 ? 0 : 1;
