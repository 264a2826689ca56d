/** wrk: as many requests as are answered over kept connections, none of its answers looked at but for the status. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { headersOf } from './cases.ts';
import type { Case } from './cases.ts';

const CONNECTIONS = 64;
const SLACK_MS = 15_000;

export interface ClosedLoopOptions {
  readonly folder: string;
  readonly cores: string;
  readonly origin: string;
  readonly token: string;
  readonly seconds: number;
}

export interface ClosedLoopResult {
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Answers that were not 2xx or 3xx, and connections that failed. */
  readonly faults: number;
}

export async function closedLoop(one: Case, options: ClosedLoopOptions): Promise<ClosedLoopResult> {
  const script = path.join(options.folder, `${one.name}.lua`);
  await writeFile(script, luaOf(one));
  const headers = Object.entries(headersOf(one, options.token)).flatMap(([name, value]) => ['-H', `${name}: ${value}`]);
  const load = ['-t', '1', '-c', String(CONNECTIONS), '-d', `${options.seconds}s`, '-s', script, ...headers];
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', options.cores, 'wrk', ...load, `${options.origin}${one.path}`],
    { timeout: options.seconds * 1_000 + SLACK_MS },
  );
  const figures = /^figures ([\d.]+) ([\d.]+) ([\d.]+)$/m.exec(stdout);
  if (figures === null) throw new Error(`wrk wrote no figures:\n${stdout}`);
  const [requests, micros, faults] = figures.slice(1).map(Number) as [number, number, number];
  return { requests, requestsPerSecond: requests / (micros / 1e6), faults };
}

/** Built once by wrk, sent as the same bytes each time. */
const luaOf = (one: Case): string => `wrk.method = '${one.method}'
${one.body === null ? '' : `wrk.body = '${one.body}'`}
done = function(summary)
  local e = summary.errors
  io.write(string.format('figures %d %d %d\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`;
