/** Latency at a fixed rate, as a process held to the cores of the load measures it. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { headersOf } from './cases.ts';
import type { Case } from './cases.ts';

const CONNECTIONS = 64;
const SLACK_MS = 15_000;

export interface OpenLoopLoad {
  readonly port: number;
  /** The whole request, head and body. */
  readonly request: string;
  readonly connections: number;
  readonly ratePerSecond: number;
  readonly seconds: number;
}

export interface OpenLoopFigures {
  readonly requests: number;
  /** Answers that were not 2xx, connections that broke, requests without an answer. */
  readonly faults: number;
  /** From when a request was due (from when it was sent, if a connection was free) to the end of its answer. */
  readonly p50Micros: number;
  readonly p99Micros: number;
}

export interface OpenLoopOptions {
  readonly cores: string;
  readonly origin: string;
  readonly token: string;
  readonly seconds: number;
  readonly ratePerSecond: number;
}

export async function openLoop(one: Case, options: OpenLoopOptions): Promise<OpenLoopFigures> {
  const { host, port } = new URL(options.origin);
  const headers = { host, ...headersOf(one, options.token) };
  const body = one.body ?? '';
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const load: OpenLoopLoad = {
    port: Number(port),
    request: `${one.method} ${one.path} HTTP/1.1\r\n${lines.join('')}${body === '' ? '' : `content-length: ${body.length}\r\n`}\r\n${body}`,
    connections: CONNECTIONS,
    ratePerSecond: options.ratePerSecond,
    seconds: options.seconds,
  };
  const main = path.join(import.meta.dirname, 'open-loop-main.js');
  const { stdout } = await promisify(execFile)(
    'taskset',
    ['-c', options.cores, process.execPath, main, JSON.stringify(load)],
    { timeout: options.seconds * 1_000 + SLACK_MS },
  );
  return JSON.parse(stdout) as OpenLoopFigures;
}
