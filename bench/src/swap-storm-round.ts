/** Swaps one thing again and again under counted traffic, and measures what the traffic saw of it. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Verification } from '@switchyard/e2e/traffic/counted-posts';
import type { Sample } from '@switchyard/e2e/traffic/tally';
import { startTraffic } from '@switchyard/e2e/traffic/traffic';
import type { Traffic, TrafficResult } from '@switchyard/e2e/traffic/traffic';
import { build } from 'hdr-histogram-js';
import type { Histogram } from 'hdr-histogram-js';

/** Milliseconds since 1970. */
export interface SwapMoment {
  readonly startedAtMs: number;
  /** From then on the new deployment got the requests, as far as whoever swaps can tell. */
  readonly switchedAtMs: number;
  /** The deployment before is gone. */
  readonly endedAtMs: number;
}

/** What is measured: a probe behind something that swaps it. */
export interface Subject {
  readonly name: string;
  readonly origin: string;
  readonly prefix: string;
  readonly countsFile: string;
  /** `any`: several instances are replaced one after the other, so that streams may meet an old one again. */
  readonly order: 'forwards' | 'any';
  /** Replaces what runs by a new deployment; resolves when the one before is gone. */
  swap(): Promise<SwapMoment>;
  close(): Promise<void>;
}

export interface RoundOptions {
  readonly swaps: number;
  readonly ratePerSecond: number;
  readonly streams: number;
  readonly sockets: number;
  /** Before the first swap, and after every `quietEvery`th: what is then neither before nor after a swap is quiet. */
  readonly pauseMs: number;
  /** Default 1. */
  readonly quietEvery?: number;
  readonly slowMaxMs?: number;
  /** More to do under the same traffic, after the swaps. */
  readonly afterwards?: (traffic: Traffic) => Promise<void>;
}

export interface RoundFigures {
  readonly name: string;
  readonly swaps: number;
  readonly result: TrafficResult;
  readonly verification: Verification;
  /** Of `get` and `post`, in microseconds from when they were due. */
  readonly quietUs: Histogram;
  /** Due between the start of a swap and a second after its end. */
  readonly aroundUs: Histogram;
  /** Due in the second after the switch. */
  readonly switchUs: Histogram;
  /** For each swap: the longest time without a good answer to `get` or `post`. */
  readonly gapsMs: readonly number[];
  readonly swapsMs: readonly number[];
}

/** What is due this long after a swap has ended still belongs to it. */
const AFTERMATH_MS = 1_000;
const SWITCH_MS = 1_000;

export async function runRound(subject: Subject, options: RoundOptions): Promise<RoundFigures> {
  const [quietUs, aroundUs, switchUs] = [newHistogram(), newHistogram(), newHistogram()];
  const moments: SwapMoment[] = [];
  const gapsMs: number[] = [];
  const traffic = startTraffic({
    origin: subject.origin,
    prefix: subject.prefix,
    ratePerSecond: options.ratePerSecond,
    streams: options.streams,
    sockets: options.sockets,
    order: subject.order,
    countsFile: subject.countsFile,
    ...(options.slowMaxMs === undefined ? {} : { slowMaxMs: options.slowMaxMs }),
  });
  await pause(Math.max(1_000, options.pauseMs));
  // Connections are new and code is cold: these are neither quiet nor of a swap.
  traffic.takeSamples();
  await pause(options.pauseMs);
  for (let swap = 0; swap < options.swaps; swap++) {
    const moment = await subject.swap();
    moments.push(moment);
    const isFollowedByQuiet = (swap + 1) % (options.quietEvery ?? 1) === 0;
    if (isFollowedByQuiet) await pause(options.pauseMs);
    const samples = traffic.takeSamples();
    const recent = moments.slice(-2);
    for (const { atMs, latencyMs } of samples) {
      const us = Math.max(1, Math.round(latencyMs * 1000));
      if (!recent.some((one) => atMs >= one.startedAtMs && atMs < one.endedAtMs + AFTERMATH_MS))
        quietUs.recordValue(us);
      else aroundUs.recordValue(us);
      if (recent.some((one) => atMs >= one.switchedAtMs && atMs < one.switchedAtMs + SWITCH_MS))
        switchUs.recordValue(us);
    }
    const aftermathMs = isFollowedByQuiet ? Math.min(AFTERMATH_MS, options.pauseMs) : 0;
    gapsMs.push(longestGap(samples, moment.startedAtMs, moment.endedAtMs + aftermathMs));
    process.stderr.write(`\r${subject.name}: ${swap + 1}/${options.swaps} swaps, ${traffic.counts().failed} failed `);
  }
  process.stderr.write('\n');
  await options.afterwards?.(traffic);
  const result = await traffic.stop();
  const answering = Object.keys(result.deployments).length;
  // A swap that changed nothing loses nothing, and says nothing.
  if (answering <= options.swaps) throw new Error(`${subject.name}: only ${answering} deployments ever answered`);
  return {
    name: subject.name,
    swaps: options.swaps,
    result,
    verification: await result.verify(),
    quietUs,
    aroundUs,
    switchUs,
    gapsMs,
    swapsMs: moments.map(({ startedAtMs, endedAtMs }) => endedAtMs - startedAtMs),
  };
}

/** Failures by kind, cause and reason, with how often; of the first thousand. */
export function failuresByReason({ failures }: TrafficResult): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind, cause, reason } of failures) {
    // Numbers differ from one to the next.
    const label = `${kind}: ${cause === 'transport' || cause === 'status' ? reason : `${cause} (${reason.replaceAll(/\d+/g, 'N')})`}`;
    counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return counts;
}

function longestGap(samples: readonly Sample[], fromMs: number, toMs: number): number {
  let last = fromMs;
  let longest = 0;
  for (const at of samples.map(({ atMs, latencyMs }) => atMs + latencyMs).toSorted((a, b) => a - b)) {
    if (at < fromMs || at > toMs) continue;
    longest = Math.max(longest, at - last);
    last = at;
  }
  return Math.max(longest, toMs - last);
}

function newHistogram(): Histogram {
  return build({ lowestDiscernibleValue: 1, highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
}
