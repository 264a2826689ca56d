/** What processes cost, read from /proc: resident memory and CPU time of a process and all below it. Linux. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface Cost {
  readonly memoryMiB: number;
  readonly cpuSeconds: number;
}

/** Proportional memory (PSS: shared pages are divided among their users) and CPU time, summed over `pid` and its descendants. */
export function costOf(pid: number): Cost {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const stat = statOf(Number(name));
    if (stat !== null) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  let memoryMiB = 0;
  let cpuSeconds = 0;
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const stat = statOf(next);
    if (stat === null) continue;
    memoryMiB += pssMiB(next);
    cpuSeconds += stat.cpuSeconds;
    waiting.push(...(children.get(next) ?? []));
  }
  return { memoryMiB, cpuSeconds };
}

function statOf(pid: number): { parent: number; cpuSeconds: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { parent: Number(fields[1]), cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
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
