/** What processes cost, read from /proc: memory and CPU time of a process, alone or with all below it. Linux. */
import { readdirSync, readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

export interface Cost {
  readonly memoryMiB: number;
  readonly cpuSeconds: number;
  /** The part of it that the kernel spent. */
  readonly kernelSeconds: number;
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
  let kernelSeconds = 0;
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const stat = statOf(next);
    if (stat === null) continue;
    memoryMiB += pssMiB(next);
    for (const [user, kernel] of options.andBelow === true ? [stat.own, stat.endedChildren] : [stat.own]) {
      cpuSeconds += user + kernel;
      kernelSeconds += kernel;
    }
    waiting.push(...(children.get(next) ?? []));
  }
  return { memoryMiB, cpuSeconds, kernelSeconds };
}

/** In user mode and in the kernel. */
type Seconds = readonly [number, number];

function statOf(pid: number): { parent: number; own: Seconds; endedChildren: Seconds } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const seconds = (field: number) => Number(fields[field]) / TICKS_PER_SECOND;
    return {
      parent: Number(fields[1]),
      own: [seconds(11), seconds(12)],
      endedChildren: [seconds(13), seconds(14)],
    };
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
