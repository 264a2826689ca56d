/** Requests at a fixed rate, each with when it was sent, how it was answered, and how long that took. */
import { runLoad } from '../../http-load.ts';

export interface TimedRequest {
  readonly method: string;
  /** `performance.now()` */
  readonly sentAtMs: number;
  /** 0: not answered. */
  status: number;
  /** `code` of a problem document. */
  code: string;
  tookMs: number;
}

export interface TimedLoadOptions {
  readonly port: number;
  readonly path: string;
  readonly ratePerSecond: number;
  readonly seconds: number;
  /** In turn; default GET alone. */
  readonly methods?: readonly string[];
  readonly connections?: number;
}

const CONNECTIONS = 64;

export interface TimedLoadResult {
  readonly requests: readonly TimedRequest[];
  /** What broke, with how often. */
  readonly wrong: ReadonlyMap<string, number>;
}

/** Requests wait for a connection when all are busy; their time begins when they are sent. */
export async function timedLoad(options: TimedLoadOptions): Promise<TimedLoadResult> {
  const requests: TimedRequest[] = [];
  const methods = options.methods ?? ['GET'];
  const all = methods.map((method) =>
    Buffer.from(`${method} ${options.path} HTTP/1.1\r\nHost: 127.0.0.1:${options.port}\r\n\r\n`),
  );
  const { wrong } = await runLoad({
    host: '127.0.0.1',
    port: options.port,
    connections: options.connections ?? CONNECTIONS,
    durationMs: options.seconds * 1_000,
    ratePerSecond: options.ratePerSecond,
    next: () => {
      const turn = requests.length % methods.length;
      const request: TimedRequest = {
        method: methods[turn]!,
        sentAtMs: performance.now(),
        status: 0,
        code: '',
        tookMs: 0,
      };
      requests.push(request);
      return {
        kind: methods[turn]!,
        bytes: all[turn]!,
        check: (status, body) => {
          request.status = status;
          request.tookMs = performance.now() - request.sentAtMs;
          if (status >= 400) request.code = /"code":\s*"([A-Z_]+)"/.exec(body.toString('latin1'))?.[1] ?? '';
          return null;
        },
      };
    },
  });
  return { requests, wrong };
}

/** The value that `share` of them do not exceed. */
export function percentile(valuesMs: readonly number[], share: number): number {
  if (valuesMs.length === 0) return Number.NaN;
  const sorted = valuesMs.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}

export const inMs = (value: number): string => (Number.isNaN(value) ? 'none' : `${value.toFixed(2)} ms`);

/** `200: 4801, 503 GATEWAY_BREAKER_OPEN: 120` */
export function byAnswer(requests: readonly TimedRequest[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of requests) {
    const what = status === 0 ? 'not answered' : code === '' ? String(status) : `${status} ${code}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([what, count]) => `${what}: ${count}`)
    .join(', ');
}
