/** What a trial prints and how it ends: figures, promises that were kept or broken (exit code 1), everything it started stopped. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { machine, markdownTable } from '../../report.ts';
import { stopAll } from '../../gateway/started-process.ts';

export interface Trial {
  /** Temporary; removed at the end. */
  readonly folder: string;
  /** Progress, on stderr. */
  tell(what: string): void;
  /** A row of the table of figures. */
  figure(what: string, value: string | number): void;
  /** Whatever is measured is shown; one that does not hold makes the trial fail. */
  promise(what: string, holds: boolean, measured: string | number): void;
  /** Runs at the end, last first, also when the trial breaks off. */
  atEnd(close: () => unknown): void;
}

/** Runs the trial within `minutes`; ends the process with 0 when every promise was kept, else 1. */
export async function runTrial(title: string, minutes: number, body: (trial: Trial) => Promise<void>): Promise<never> {
  const folder = await mkdtemp(path.join(tmpdir(), 'trial-'));
  const figures: [string, string | number][] = [];
  const promises: [string, string, string | number][] = [];
  const closes: (() => unknown)[] = [];
  const startedAt = performance.now();
  const seconds = (): string => ((performance.now() - startedAt) / 1_000).toFixed(1);
  const trial: Trial = {
    folder,
    tell: (what) => console.error(`${seconds()} s  ${what}`),
    figure: (what, value) => void figures.push([what, value]),
    promise: (what, holds, measured) => void promises.push([what, holds ? 'kept' : '**broken**', measured]),
    atEnd: (close) => void closes.push(close),
  };
  let isEnding = false;
  const end = async (fault: unknown): Promise<never> => {
    if (isEnding) return new Promise<never>(() => {});
    isEnding = true;
    for (const close of closes.toReversed())
      await Promise.resolve(close()).catch((error: unknown) => trial.tell(String(error)));
    await stopAll();
    await rm(folder, { recursive: true, force: true });
    console.log(`\n## ${title}\n\n${machine()}; ${new Date().toISOString()}; ${seconds()} s\n`);
    if (figures.length > 0) console.log(`${markdownTable(['counted', ''], figures)}\n`);
    if (promises.length > 0) console.log(markdownTable(['promise', '', 'measured'], promises));
    if (fault !== null) console.error(fault);
    process.exit(fault === null && promises.length > 0 && promises.every(([, how]) => how === 'kept') ? 0 : 1);
  };
  const late = setTimeout(() => void end(new Error(`not over within ${minutes} minutes`)), minutes * 60_000);
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void end(new Error(`ended by ${signal}`)));
  try {
    await body(trial);
    clearTimeout(late);
  } catch (error) {
    return await end(error);
  }
  return end(null);
}
