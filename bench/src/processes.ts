/** What processes cost, read from /proc: memory and CPU time of a process, alone or with all below it. Linux. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface Cost {
  readonly memoryMiB: number;
  readonly cpuSeconds: number;
}

/** Proportional memory (PSS: shared pages are divided among their users) and CPU time of `pid`; `andBelow` adds its descendants, those that have ended too. */
export function costOf(pid: number, options: { andBelow?: boolean } = {}): Cost {
  const children = new Map<number, number[]>();
  if (options.andBelow === true) {
    for (const name of readdirSync('/proc')) {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : null;
      if (stat !== null) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
    }
  }
  let memoryMiB = 0;
  let cpuSeconds = 0;
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const stat = statOf(next);
    if (stat === null) continue;
    memoryMiB += pssMiB(next);
    cpuSeconds += stat.ownSeconds + (options.andBelow === true ? stat.endedChildrenSeconds : 0);
    waiting.push(...(children.get(next) ?? []));
  }
  return { memoryMiB, cpuSeconds };
}

function statOf(pid: number): { parent: number; ownSeconds: number; endedChildrenSeconds: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (first: number) => (Number(fields[first]) + Number(fields[first + 1])) / TICKS_PER_SECOND;
    return { parent: Number(fields[1]), ownSeconds: seconds(11), endedChildrenSeconds: seconds(13) };
  } catch {
    return null;
  }
}

function pssMiB(pid: number): number {
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
