/** What processes hold, read from /proc while a trial runs: resident memory with its peak, private memory, open descriptors. Linux. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

const MIB = 1_024;

export interface Held {
  readonly atMs: number;
  readonly residentMiB: number;
  /** Not shared with any other process. */
  readonly privateMiB: number;
  readonly descriptors: number;
}

/** `pid` and all below it. */
export function treeOf(pid: number): number[] {
  const found = [pid];
  for (const one of found) {
    try {
      const children = readFileSync(`/proc/${one}/task/${one}/children`, 'latin1').trim();
      if (children !== '') found.push(...children.split(' ').map(Number));
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

export function heldBy(pid: number): Held {
  const held = treeOf(pid).map((one) => {
    try {
      const rollup = readFileSync(`/proc/${one}/smaps_rollup`, 'latin1');
      return {
        resident: kibOf(rollup, 'Rss'),
        own: kibOf(rollup, 'Private_Clean') + kibOf(rollup, 'Private_Dirty'),
        descriptors: readdirSync(`/proc/${one}/fd`).length,
      };
    } catch {
      return { resident: 0, own: 0, descriptors: 0 };
    }
  });
  return {
    atMs: performance.now(),
    residentMiB: held.reduce((sum, { resident }) => sum + resident, 0) / MIB,
    privateMiB: held.reduce((sum, { own }) => sum + own, 0) / MIB,
    descriptors: held.reduce((sum, { descriptors }) => sum + descriptors, 0),
  };
}

/** Resident memory alone, cheap enough for each 100 ms. */
export function residentMiB(pid: number): number {
  return treeOf(pid).reduce((sum, one) => {
    try {
      return sum + kibOf(readFileSync(`/proc/${one}/status`, 'latin1'), 'VmRSS') / MIB;
    } catch {
      return sum;
    }
  }, 0);
}

/** Begins to watch for the highest resident memory; what comes back tells it, sampled each 100 ms and as the kernel saw it. */
export function watchPeak(pid: number): () => { readonly sampledMiB: number; readonly kernelMiB: number } {
  for (const one of treeOf(pid)) writeFileSync(`/proc/${one}/clear_refs`, '5');
  let sampledMiB = residentMiB(pid);
  const timer = setInterval(() => (sampledMiB = Math.max(sampledMiB, residentMiB(pid))), 100);
  return () => {
    clearInterval(timer);
    const kernelMiB = treeOf(pid).reduce(
      (sum, one) => sum + kibOf(readFileSync(`/proc/${one}/status`, 'latin1'), 'VmHWM') / MIB,
      0,
    );
    return { sampledMiB, kernelMiB };
  };
}

const kibOf = (text: string, name: string): number =>
  Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
