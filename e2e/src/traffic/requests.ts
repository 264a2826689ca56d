/** The four kinds of requests: how each is asked, and what is wrong with its answer. */
import { createHash } from 'node:crypto';
import type { ClientRequest } from 'node:http';
import type { Ask, Outcome } from './kept-connections.ts';
import type { RequestKind } from './tally.ts';

export interface TrafficRequest {
  readonly kind: RequestKind;
  readonly ask: Ask;
  readonly expectedStatus: number;
  /** Time that the answer takes of itself: not latency. */
  readonly ownMs: number;
  /** What is wrong with a whole answer of the expected status; null when nothing is. */
  readonly judge: (body: Buffer, deployment: string | null) => string | null;
}

const DEADLINE_MS = 10_000;
const SLOW_MIN_MS = 500;
export const SLOW_MAX_MS = 3_000;
const UPLOAD_MS = 1_000;
const UPLOAD_PIECES = 10;
const UPLOAD_PIECE_BYTES = 8_192;
const UPLOAD_BYTES = UPLOAD_PIECES * UPLOAD_PIECE_BYTES;

/** `id`: unique, part of each request and of its answer. `n`: its number, which decides how slow or large it is. */
export function makeRequest(
  kind: RequestKind,
  id: string,
  n: number,
  prefix: string,
  headers: Readonly<Record<string, string>>,
  slowMaxMs: number,
): TrafficRequest {
  switch (kind) {
    case 'get':
      return {
        kind,
        ask: { method: 'GET', path: `${prefix}/get?n=${id}`, headers, deadlineMs: DEADLINE_MS, write: end },
        expectedStatus: 200,
        ownMs: 0,
        judge: (body, deployment) => judgeEcho(body, { n: id, deployment }),
      };
    case 'post': {
      const body = JSON.stringify({ id });
      return {
        kind,
        ask: {
          method: 'POST',
          path: `${prefix}/post`,
          headers: { ...headers, 'content-type': 'application/json', 'content-length': String(body.length) },
          deadlineMs: DEADLINE_MS,
          write: (request) => request.end(body),
        },
        expectedStatus: 201,
        ownMs: 0,
        judge: (answer, deployment) => judgeEcho(answer, { n: id, deployment }),
      };
    }
    case 'slow': {
      // Every length, and each length with the head at once and with the head at the end.
      const ms = SLOW_MIN_MS + ((n * 617) % (slowMaxMs - SLOW_MIN_MS + 1));
      const head = n % 2 === 0 ? '&head=early' : '';
      return {
        kind,
        ask: {
          method: 'GET',
          path: `${prefix}/slow?n=${id}&ms=${ms}${head}`,
          headers,
          deadlineMs: DEADLINE_MS + ms,
          write: end,
        },
        expectedStatus: 200,
        ownMs: ms,
        judge: (body, deployment) => judgeEcho(body, { n: id, deployment }),
      };
    }
    case 'upload': {
      const pieces = Array.from({ length: UPLOAD_PIECES }, (_, index) =>
        Buffer.alloc(UPLOAD_PIECE_BYTES, `${id}:${index};`),
      );
      const hash = createHash('sha256');
      for (const piece of pieces) hash.update(piece);
      const sha256 = hash.digest('hex');
      return {
        kind,
        ask: {
          method: 'POST',
          path: `${prefix}/upload?n=${id}`,
          headers: { ...headers, 'content-type': 'application/octet-stream' },
          deadlineMs: DEADLINE_MS + UPLOAD_MS,
          write: (request) => writeSlowly(request, pieces),
        },
        expectedStatus: 200,
        ownMs: UPLOAD_MS,
        judge: (body, deployment) => judgeEcho(body, { n: id, bytes: UPLOAD_BYTES, sha256, deployment }),
      };
    }
  }
}

/** The refusal of a gateway says its code in a problem document. */
export function describeStatus(outcome: Extract<Outcome, { kind: 'answered' }>): string {
  const code = /"code":\s*"([A-Z0-9_]+)"/.exec(outcome.body.toString('latin1', 0, 2_000))?.[1];
  return code === undefined ? `status ${outcome.status}` : `status ${outcome.status} ${code}`;
}

function end(request: ClientRequest): void {
  request.end();
}

/** Spread over a second, the first one with the head; given up when the answer came first or the connection broke. */
function writeSlowly(request: ClientRequest, pieces: readonly Buffer[]): void {
  let next = 0;
  const write = () => {
    if (request.destroyed) return clearInterval(timer);
    request.write(pieces[next++]!);
    if (next < pieces.length) return;
    clearInterval(timer);
    request.end();
  };
  const timer = setInterval(write, UPLOAD_MS / (pieces.length - 1));
  write();
}

function judgeEcho(body: Buffer, expected: Readonly<Record<string, unknown>>): string | null {
  let given: Record<string, unknown>;
  try {
    given = JSON.parse(body.toString()) as Record<string, unknown>;
  } catch {
    return `not JSON: ${body.toString('utf8', 0, 100)}`;
  }
  for (const [name, value] of Object.entries(expected))
    if (given[name] !== value) return `${name} is ${JSON.stringify(given[name])}, expected ${JSON.stringify(value)}`;
  return null;
}
