/** A network of its own for a trial, in which nobody else's connections are counted, and what the kernel counts in it. Linux, as root. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

const MARK = 'TRIAL_HAS_A_NETWORK';

/** Starts this program again in a network that has loopback alone, and ends with it; returns at once within one, and where there can be none. */
export async function inPrivateNetwork(): Promise<void> {
  if (process.env[MARK] !== undefined || process.getuid?.() !== 0) return;
  const script = 'ip link set lo up && exec "$@"';
  const words = ['-n', 'sh', '-c', script, 'sh', process.execPath, ...process.argv.slice(1)];
  const child = spawn('unshare', words, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
  const code = await new Promise<number | null>((resolve) => {
    child.once('exit', resolve).once('error', () => resolve(1));
  });
  process.exit(code ?? 1);
}

/** Connections that were refused since the network is there: each is one try of somebody to reach a closed port. */
export function refusedConnections(): number {
  const [names, counts] = readFileSync('/proc/net/snmp', 'latin1')
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' ')) as [string[], string[]];
  return Number(counts[names.indexOf('AttemptFails')]);
}
