/**
 * Load on one origin that counts everything: requests at a fixed rate whatever the answers do, event streams and WebSockets that stay
 * open, each with what was sent, what came back, from which deployment, and what failed. Nothing is tried again.
 */
import { readFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { CountedPosts } from './counted-posts.ts';
import type { Verification } from './counted-posts.ts';
import type { OrderRule } from './deployment-order.ts';
import { EventStreamClient } from './event-stream-client.ts';
import { KeptConnections } from './kept-connections.ts';
import { describeStatus, makeRequest, SLOW_MAX_MS } from './requests.ts';
import { SocketClient } from './socket-client.ts';
import { nowMs, REQUEST_KINDS, Tally } from './tally.ts';
import type { DeploymentFigures, Failure, KindFigures, RequestKind, Sample, TrafficKind } from './tally.ts';

export interface TrafficOptions {
  /** `http://127.0.0.1:8000` */
  readonly origin: string;
  /** Path of the probe, such as `/probe`; default none. */
  readonly prefix?: string;
  /** Requests a second, all kinds together; default 100. */
  readonly ratePerSecond?: number;
  /** Share of each kind, in any unit; default DEFAULT_KINDS. */
  readonly kinds?: Partial<Readonly<Record<RequestKind, number>>>;
  /** Event streams that are open all the time; default 4. */
  readonly streams?: number;
  /** WebSockets that are open all the time; default 4. */
  readonly sockets?: number;
  /** Kept connections for `get` and `post`, used in turn; default 16. Slow answers and uploads have others, as many as they need. */
  readonly connections?: number;
  /** Ends by itself after so many requests (see `Traffic.finished`); default never. */
  readonly requests?: number;
  /** Slow answers take from half a second up to this, which a drain then waits for; default 3000. */
  readonly slowMaxMs?: number;
  /** Sent with every request, such as an Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** `any`: several deployments answer in any order, as in a canary. Default `forwards`: on a connection, one that was replaced must not answer again. */
  readonly order?: 'forwards' | 'any';
  /** The file that the probe writes posts to, for `verify`; default: the probe is asked. */
  readonly countsFile?: string;
}

export interface TrafficResult {
  readonly durationMs: number;
  /** Requests, events and messages. */
  readonly sent: number;
  readonly answered: number;
  readonly failed: number;
  /** The first thousand. */
  readonly failures: readonly Failure[];
  readonly kinds: Readonly<Partial<Record<TrafficKind, KindFigures>>>;
  readonly deployments: Readonly<Record<string, DeploymentFigures>>;
  readonly reconnects: { readonly stream: number; readonly socket: number };
  readonly resentMessages: number;
  readonly idleCloses: number;
  /** The longest time in which no `get` or `post` was answered well. */
  readonly longestGapMs: number;
  /** Compares what was acknowledged with what the service says it did. Throws when it does not say. */
  verify(): Promise<Verification>;
}

export interface Traffic {
  /** When all `requests` have been sent and settled; never without that option. */
  readonly finished: Promise<void>;
  /** How it stands. */
  counts(): {
    readonly sent: number;
    readonly answered: number;
    readonly failed: number;
    readonly reconnects: { readonly stream: number; readonly socket: number };
  };
  /** The first failures so far, at most a thousand. */
  failures(): readonly Failure[];
  /** What was measured since the last call: one sample for each `get` and `post` that was answered well. */
  takeSamples(): Sample[];
  /** A swap may be taken back now: deployments that were replaced may answer again until `expectForward`. */
  expectReturn(): void;
  /** From now on no deployment may answer where another has replaced it from now on. */
  expectForward(): void;
  /** Sends no more, waits for what is under way (each has a deadline, at most 14 s) and closes everything. */
  stop(): Promise<TrafficResult>;
}

export const DEFAULT_KINDS: Readonly<Record<RequestKind, number>> = { get: 75, post: 20, slow: 3, upload: 2 };
/** More under way than this, and requests fail unsent. */
const UNDER_WAY_MAX = 10_000;
const TICK_MS = 2;

export function startTraffic(options: TrafficOptions): Traffic {
  const { ratePerSecond = 100, prefix = '', headers = {}, requests = Infinity, slowMaxMs = SLOW_MAX_MS } = options;
  const origin = new URL(options.origin);
  const rule: OrderRule = { mayGoBack: options.order === 'any', era: 0 };
  const tally = new Tally();
  const posts = new CountedPosts(randomBytes(6).toString('hex'));
  const onIdleClose = () => (tally.idleCloses += 1);
  const quick = new KeptConnections({ origin, connectionsMax: options.connections ?? 16, rule, onIdleClose });
  const long = new KeptConnections({ origin, connectionsMax: Infinity, rule, onIdleClose });
  const streams = Array.from(
    { length: options.streams ?? 4 },
    () => new EventStreamClient(new URL(`${prefix}/stream`, origin), headers, rule, tally),
  );
  const sockets = Array.from(
    { length: options.sockets ?? 4 },
    () => new SocketClient(new URL(`${prefix}/socket`, origin), headers, rule, tally),
  );
  const nextKind = inShares(options.kinds ?? DEFAULT_KINDS);
  const startedAtMs = nowMs();
  const numbers: Record<RequestKind, number> = { get: 0, post: 0, slow: 0, upload: 0 };
  let begun = 0;
  const underWay = new Set<Promise<void>>();
  let settled: () => void;
  const finished = new Promise<void>((resolve) => (settled = resolve));

  function begin(kind: RequestKind, dueAtMs: number): void {
    tally.sent(kind);
    if (underWay.size >= UNDER_WAY_MAX) return tally.failed(kind, 'late', `not sent: ${UNDER_WAY_MAX} are under way`);
    const sending = send(kind, dueAtMs).finally(() => underWay.delete(sending));
    underWay.add(sending);
  }

  async function send(kind: RequestKind, dueAtMs: number): Promise<void> {
    const n = numbers[kind]++;
    const post = kind === 'post' ? posts.next() : null;
    const id = post?.id ?? `${kind}${n}`;
    const { ask, expectedStatus, ownMs, judge } = makeRequest(kind, id, n, prefix, headers, slowMaxMs);
    const outcome = await (kind === 'get' || kind === 'post' ? quick : long).send(ask);
    if (outcome.kind === 'broken') return tally.failed(kind, outcome.cause, outcome.reason);
    const { status, body, deployment, disorder } = outcome;
    tally.status(kind, status);
    if (status !== expectedStatus) return tally.failed(kind, 'status', describeStatus(outcome), deployment);
    // Whatever its answer looks like: a post that was acknowledged must have been done.
    if (post !== null) posts.acknowledged(post.number);
    const fault = judge(body, deployment);
    if (fault !== null) return tally.failed(kind, 'wrong', fault, deployment);
    if (disorder !== null) return tally.failed(kind, 'order', disorder, deployment);
    tally.answered(kind, deployment ?? '', dueAtMs, Math.max(0, nowMs() - dueAtMs - ownMs));
  }

  // Whatever is late is sent at once, and its latency counts from when it was due: a stall shows in every request that it held up.
  const tick = setInterval(() => {
    const due = Math.min(requests, ((nowMs() - startedAtMs) * ratePerSecond) / 1000);
    for (; begun < due; begun++) begin(nextKind(), startedAtMs + (begun * 1000) / ratePerSecond);
    if (begun >= requests && underWay.size === 0) settled();
  }, TICK_MS);

  return {
    finished,
    counts: () => ({
      sent: tally.total('sent'),
      answered: tally.total('answered'),
      failed: tally.total('failed'),
      reconnects: { ...tally.reconnects },
    }),
    failures: () => tally.failures,
    takeSamples: () => tally.takeSamples(),
    expectReturn: () => {
      rule.mayGoBack = true;
    },
    expectForward: () => {
      rule.mayGoBack = options.order === 'any';
      rule.era += 1;
    },
    async stop() {
      clearInterval(tick);
      const longestGapMs = tally.gapMs();
      const durationMs = nowMs() - startedAtMs;
      for (const client of [...streams, ...sockets]) client.stop();
      await Promise.all([...streams, ...sockets].map((client) => client.ended));
      // Each has a deadline of its own.
      await Promise.all(underWay);
      quick.close();
      long.close();
      return {
        durationMs,
        sent: tally.total('sent'),
        answered: tally.total('answered'),
        failed: tally.total('failed'),
        failures: tally.failures,
        kinds: tally.byKind(),
        deployments: tally.byDeployment(),
        reconnects: { ...tally.reconnects },
        resentMessages: tally.resentMessages,
        idleCloses: tally.idleCloses,
        longestGapMs,
        verify: async () => posts.verify(await readCounts(options.countsFile ?? new URL(`${prefix}/counted`, origin))),
      };
    },
  };
}

/** Kinds in turn, so that any stretch of requests holds each in its share (smooth weighted round-robin). */
function inShares(shares: Partial<Readonly<Record<RequestKind, number>>>): () => RequestKind {
  const credits = REQUEST_KINDS.filter((kind) => (shares[kind] ?? 0) > 0).map((kind) => ({
    kind,
    share: shares[kind]!,
    credit: 0,
  }));
  if (credits.length === 0) throw new Error('no kind of request has a share');
  const total = credits.reduce((sum, { share }) => sum + share, 0);
  return () => {
    for (const each of credits) each.credit += each.share;
    const first = credits.reduce((best, each) => (each.credit > best.credit ? each : best));
    first.credit -= total;
    return first.kind;
  };
}

async function readCounts(from: string | URL): Promise<string[]> {
  if (typeof from === 'string') return (await readFile(from, 'utf8')).split('\n').filter((line) => line !== '');
  const response = await fetch(from, { signal: AbortSignal.timeout(60_000) });
  if (response.status !== 200) throw new Error(`the service does not say what it did: status ${response.status}`);
  return (await response.text()).split('\n').filter((line) => line !== '');
}
