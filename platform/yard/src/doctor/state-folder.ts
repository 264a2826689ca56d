/** Looks at `.yard`: who may read it, what its clock says, and processes that nobody supervises. */
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { InstanceRecords } from '../runtime/instance-records.ts';
import { isAlive } from '../runtime/processes.ts';
import type { YardFolder } from '../yard-folder.ts';
import { note, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

/** A file from the future by more than this: the clock has been set back. */
const CLOCK_TOLERANCE_MS = 60_000;

export function examinePermissions(folder: YardFolder): Finding[] {
  const state = lstatSync(folder.state, { throwIfNoEntry: false });
  if (state === undefined) return [well('.yard', 'not there yet; yard up makes it')];
  if (!state.isDirectory()) return [wrong('.yard', 'is not a folder', `move ${folder.state} away`)];
  const me = process.getuid?.();
  if (me !== undefined && state.uid !== me && me !== 0) {
    return [
      wrong(
        '.yard',
        `belongs to user ${state.uid}, you are ${me}`,
        `run yard as that user, or: sudo chown -R ${me} ${folder.state}`,
      ),
    ];
  }
  const open = secretsOf(folder).filter(({ mode }) => (mode & 0o077) !== 0);
  if (open.length === 0) return [well('.yard', 'readable by its owner alone')];
  return [
    wrong(
      '.yard',
      `others may read or write ${open.map(({ path }) => path).join(', ')}`,
      `chmod -R go-rwx ${open.map(({ path }) => path).join(' ')}`,
    ),
  ];
}

/** The folder itself, the keys and the operator's token. */
function secretsOf(folder: YardFolder): { path: string; mode: number }[] {
  const keys = (() => {
    try {
      return readdirSync(folder.keys).map((name) => join(folder.keys, name));
    } catch {
      return [];
    }
  })();
  return [folder.state, folder.keys, folder.operatorToken, ...keys].flatMap((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found === undefined ? [] : [{ path, mode: found.mode }];
  });
}

export function examineClockOf(folder: YardFolder, nowMs: number): Finding[] {
  const newest = Math.max(
    ...[folder.stateFile, folder.supervisorFile, folder.operatorToken].map(
      (path) => lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
    ),
  );
  if (newest <= nowMs + CLOCK_TOLERANCE_MS) return [];
  return [
    wrong(
      'clock',
      `is behind: .yard was written at ${new Date(newest).toISOString()}, now it is ${new Date(nowMs).toISOString()}`,
      'set the clock: tokens and leases are judged by it',
    ),
  ];
}

/** Processes of this yard by its records; `hasSupervisor` says whether somebody looks after them. */
export async function examineInstances(
  folder: YardFolder,
  hasSupervisor: boolean,
): Promise<{ findings: Finding[]; pids: number[] }> {
  const records = await new InstanceRecords(folder.instances).all();
  const alive = records.filter(({ process }) => process !== null && isAlive(process));
  const pids = alive.map(({ process }) => process!.pid);
  if (hasSupervisor) return { findings: [well('supervisor', `looks after ${alive.length} processes`)], pids };
  if (alive.length > 0) {
    const list = alive.map(({ id, process }) => `${id} (pid ${process!.pid})`).join(', ');
    return {
      findings: [
        wrong('supervisor', `is not running, yet these are: ${list}`, 'yard up takes them over; yard down stops them'),
      ],
      pids,
    };
  }
  const stale = lstatSync(folder.supervisorFile, { throwIfNoEntry: false }) !== undefined;
  return {
    findings: [
      stale
        ? note('supervisor', 'was killed, and nothing of it runs', 'nothing to do: the next yard up begins anew')
        : well('supervisor', 'not running, and nothing is left of it'),
    ],
    pids,
  };
}
