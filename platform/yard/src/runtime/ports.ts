/** Ports of this machine: whether one is free, who holds it, and free ones to give away. */
import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { commandOf } from './processes.ts';

/** Whether nobody listens there. Tried by listening and, for systems where two may share a port, by connecting. */
export async function isPortFree(port: number, host = '127.0.0.1'): Promise<boolean> {
  return (await canListen(port, host)) && !(await answers(port, host, 500));
}

/** Whether somebody accepts a connection there within `timeoutMs`. */
export function answers(port: number, host: string, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const end = (isAnswered: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(isAnswered);
    };
    const timer = setTimeout(() => end(false), timeoutMs);
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}

/**
 * A free port, below the range from which systems take ports of outgoing connections (32768 on Linux), so that none of those
 * can be in its place a moment later. `taken` are not given.
 */
export async function freePort(taken: ReadonlySet<number> = new Set(), host = '127.0.0.1'): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    if (!taken.has(port) && (await canListen(port, host))) return port;
  }
  throw new Error('found no free port between 20000 and 32000');
}

export interface PortHolder {
  readonly pid: number;
  readonly command: string;
}

/** Who listens on a port, where the system tells; processes of other users are mostly not told. */
export function portHolders(port: number): PortHolder[] {
  const pids = process.platform === 'linux' ? holdersFromProc(port) : holdersFromLsof(port);
  return pids.map((pid) => ({ pid, command: commandOf(pid) ?? 'unknown' }));
}

/** `port 3010 is taken by pid 1234 (python3 -m http.server 3010)`. */
export function portTakenSentence(port: number): string {
  const [holder] = portHolders(port);
  return holder === undefined
    ? `port ${port} is taken by another process`
    : `port ${port} is taken by pid ${holder.pid} (${holder.command})`;
}

function canListen(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(true)));
  });
}

/** Inodes of listening sockets on the port (state 0A in /proc/net/tcp), then the processes that hold such an inode. */
function holdersFromProc(port: number): number[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let text = '';
    try {
      text = readFileSync(file, 'utf8');
    } catch {
      continue;
    }
    for (const line of text.split('\n').slice(1)) {
      const fields = line.trim().split(/\s+/);
      if (fields[3] === '0A' && fields[1]?.endsWith(`:${wanted}`) === true) inodes.add(`socket:[${fields[9]}]`);
    }
  }
  if (inodes.size === 0) return [];
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((name) => holdsInode(name, inodes))
    .map(Number);
}

function holdsInode(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    return false;
  }
}

function holdersFromLsof(port: number): number[] {
  try {
    const text = execFileSync('lsof', ['-nP', `-iTCP:${port}`, '-sTCP:LISTEN', '-Fp'], {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return [...text.matchAll(/^p(\d+)$/gm)].map((match) => Number(match[1]));
  } catch {
    return [];
  }
}
