/** Starts the successor: by a launch file that the yard has written, with the listening sockets of this process. */
import { spawn } from 'node:child_process';
import { open, readFile, unlink } from 'node:fs/promises';
import type { Logger } from '@switchyard/kit/log';
import { z } from 'zod';
import { activated } from './inherited-sockets.ts';
import type { GivenSockets } from './inherited-sockets.ts';

const launch = z.strictObject({
  argv: z.array(z.string()).min(1),
  cwd: z.string(),
  env: z.looseObject({ INSTANCE_ID: z.string().min(1), TCP_PORT: z.coerce.number().int().min(1).max(65535) }),
  /** Output and errors are appended to it. */
  logFile: z.string(),
});

/** Another gateway at the same door, by its private port. */
export interface Companion {
  readonly id: string;
  readonly port: number;
}

export interface SuccessorOptions {
  readonly launchFile: string;
  readonly sockets: GivenSockets;
  readonly self: Companion;
  readonly log: Logger;
}

/**
 * In a session of its own, so that it outlives this process. Null when there is nothing to start: whoever takes the file away has
 * withdrawn its wish, hence it is started only by the one who has removed it.
 */
export async function startSuccessor(options: SuccessorOptions): Promise<Companion | null> {
  const { launchFile, sockets, self, log } = options;
  let text: string;
  try {
    text = await readFile(launchFile, 'utf8');
    await unlink(launchFile);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  // A fault of the schema would repeat values, and the environment holds a token.
  const read = launch.safeParse(JSON.parse(text));
  if (!read.success) throw new Error(`${launchFile} is not what a successor can be started from`);
  const { argv, cwd, env, logFile } = read.data;
  const output = await open(logFile, 'a', 0o600);
  try {
    const [command, ...rest] = activated(argv);
    const child = spawn(command!, rest, {
      cwd,
      env: {
        ...Object.fromEntries(Object.entries(env).map(([name, value]) => [name, String(value)])),
        ...sockets.variables,
        PREDECESSOR_ID: self.id,
        PREDECESSOR_PORT: String(self.port),
      },
      detached: true,
      stdio: ['ignore', output.fd, output.fd, ...sockets.descriptors],
    });
    await new Promise<void>((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', reject);
    });
    const successor = { id: env.INSTANCE_ID, port: env.TCP_PORT };
    child.on('error', (error) => log.error({ err: error }, 'the successor'));
    child.on('exit', (code, signal) => log.warn({ successor: successor.id, code, signal }, 'the successor has ended'));
    child.unref();
    log.info({ successor: successor.id, pid: child.pid }, 'successor started');
    return successor;
  } finally {
    await output.close();
  }
}
