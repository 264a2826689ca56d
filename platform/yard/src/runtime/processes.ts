/** What the operating system says of processes: who they are, so that a reused process id is never taken for the one that had it before. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process for ever: its id, and the moment it started as the system tells it (opaque text, includes the boot on Linux). */
export interface ProcessIdentity {
  readonly pid: number;
  readonly born: string;
}

export interface ProcessFacts extends ProcessIdentity {
  readonly group: number;
  readonly session: number;
}

const isLinux = process.platform === 'linux';

/** Facts of a living process; null when there is none or it is a zombie (dead, only not yet collected by its parent). */
export function processFacts(pid: number): ProcessFacts | null {
  return isLinux ? factsFromProc(pid) : factsFromPs(pid);
}

/** Whether this very process still lives. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processFacts(identity.pid)?.born === identity.born;
}

/** All living processes; on systems without /proc, those that `ps` lists. */
export function allProcesses(): ProcessFacts[] {
  if (!isLinux) return psRows(['-A']);
  const found: ProcessFacts[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const facts = factsFromProc(Number(name));
    if (facts !== null) found.push(facts);
  }
  return found;
}

/** Value of a variable in the environment a process was started with; null when it has none or may not be read (or no Linux). */
export function environmentValue(pid: number, name: string): string | null {
  if (!isLinux) return null;
  try {
    const prefix = `${name}=`;
    const entries = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return entries.find((entry) => entry.startsWith(prefix))?.slice(prefix.length) ?? null;
  } catch {
    return null;
  }
}

/** Whether a process has a handler for a signal, whose default may be its end; null where that cannot be asked (no Linux). */
export function catchesSignal(pid: number, signal: number): boolean | null {
  if (!isLinux) return null;
  try {
    const caught = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return caught === undefined ? null : ((BigInt(`0x${caught}`) >> BigInt(signal - 1)) & 1n) === 1n;
  } catch {
    return null;
  }
}

/** The command line, at most `lengthMax` characters of it. */
export function commandOf(pid: number, lengthMax = 120): string | null {
  try {
    const text = isLinux
      ? readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      : execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8', timeout: 5_000 });
    const line = text.trim();
    return line === '' ? null : line.length > lengthMax ? `${line.slice(0, lengthMax - 1)}…` : line;
  } catch {
    return null;
  }
}

/** Sends a signal to a process, or to a whole group when `pid` is negative; false when there is none. */
export function sendSignal(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

let bootId: string | null = null;

function factsFromProc(pid: number): ProcessFacts | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  // The second field is the command in parentheses and may hold anything, parentheses too: count from the last one (proc_pid_stat(5)).
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields[0];
  if (state === 'Z' || state === 'X') return null;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim().slice(0, 8);
  return { pid, born: `${bootId}:${fields[19]}`, group: Number(fields[2]), session: Number(fields[3]) };
}

const factsFromPs = (pid: number): ProcessFacts | null => psRows(['-p', String(pid)])[0] ?? null;

function psRows(selection: string[]): ProcessFacts[] {
  let text: string;
  try {
    text = execFileSync('ps', ['-o', 'pid=,pgid=,stat=,lstart=', ...selection], {
      encoding: 'utf8',
      timeout: 5_000,
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const parts = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+?)\s*$/.exec(line);
    if (parts === null || parts[3]!.startsWith('Z')) return [];
    const group = Number(parts[2]);
    return [{ pid: Number(parts[1]), born: parts[4]!, group, session: group }];
  });
}
