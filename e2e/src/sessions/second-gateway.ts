/** Another gateway beside the one that a yard runs, as a process: the same keys, registry and session store, a port of its own. Linux. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, readlink } from 'node:fs/promises';
import { eventually, freePorts } from '../yard-under-test.ts';

/** What only one process may have: its ports, and its place in a handover. */
const OF_ONE = /^(?:TCP_PORT|SUCCESSOR_FILE|LISTEN_.*|PREDECESSOR_.*|NODE_TEST_CONTEXT)$/;

export class SecondGateway {
  readonly origin: string;
  private readonly child: ChildProcess;

  private constructor(origin: string, child: ChildProcess) {
    this.origin = origin;
    this.child = child;
  }

  /** Like the process `pid`; resolves when it answers. */
  static async startLike(pid: number): Promise<SecondGateway> {
    const [words, cwd, variables] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8'),
      readlink(`/proc/${pid}/cwd`),
      readFile(`/proc/${pid}/environ`, 'utf8'),
    ]);
    const [port, adminPort] = await freePorts(2);
    const env = Object.fromEntries(
      variables
        .split('\0')
        .map((written) => [written.slice(0, written.indexOf('=')), written.slice(written.indexOf('=') + 1)] as const)
        .filter(([name]) => name !== '' && !OF_ONE.test(name)),
    );
    const [command, ...rest] = words.split('\0').slice(0, -1) as [string, ...string[]];
    const child = spawn(command, rest, {
      cwd,
      env: { ...env, PORT: String(port), ADMIN_PORT: String(adminPort), INSTANCE_ID: `gateway-beside-${port}` },
      stdio: 'ignore',
    });
    const origin = `http://localhost:${port}`;
    await eventually('the second gateway answers', async () => (await fetch(`${origin}/-/live`)).ok);
    return new SecondGateway(origin, child);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}
