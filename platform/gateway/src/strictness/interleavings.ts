/** Many clients at the same time that send, wait, pipeline, dawdle and leave as chance has it, and what each of them got. */
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startTestYard } from '../testing/test-yard.ts';
import { readAnswers, valuesOf } from './answer-stream.ts';
import { Dice } from './differential/dice.ts';
import { answeringOf, bodyOf, startInterleavedUpstream } from './interleaved-upstream.ts';

export interface Round {
  readonly requests: number;
  /** Answers of the services that arrived whole. */
  readonly answered: number;
  /** Of the gateway itself. */
  readonly refused: number;
  readonly faults: readonly string[];
}

interface Sent {
  readonly id: string;
  readonly method: string;
  readonly bytes: string;
  /** HTTP/1.0 knows no pipelining, and ends an answer that broke off with a reset, which takes what went before along. */
  readonly isAlone: boolean;
}

interface Got {
  readonly all: string;
  /** It left by itself. */
  readonly hasLeft: boolean;
  readonly wasReset: boolean;
}

const CLIENTS_AT_A_TIME = 24;
const INSTANCES = 3;
const GIVE_UP_MS = 15_000;
const TIMEOUT_MS = 400;
/** Nothing is left alone for failing: everything here fails most of the time. */
const SETTINGS = {
  breaker: { minRequests: 1_000_000 },
  ejection: { failures: 1_000 },
  retries: { budgetRatio: 1 },
  inFlight: { perInstance: 10_000 },
};

export async function interleave(context: TestContext, seed: number, clients: number): Promise<Round> {
  const upstreams = await Promise.all(Array.from({ length: INSTANCES }, () => startInterleavedUpstream(context)));
  const instances = upstreams.map(({ port }, nth) => ({ id: `i${nth}`, port }));
  const yard = await startTestYard(
    context,
    {
      echo: {
        routes: [
          { path: '/', timeoutMs: TIMEOUT_MS },
          { path: '/hedged', timeoutMs: TIMEOUT_MS, hedgeAfterMs: 20 },
        ],
        deployments: { 'echo-1': instances },
      },
    },
    { GATEWAY_SETTINGS: JSON.stringify(SETTINGS) },
  );
  const faults: string[] = [];
  const methods = new Map<string, string>();
  let [requests, answered, refused, next] = [0, 0, 0, 0];
  const runOne = async (nth: number): Promise<void> => {
    const dice = new Dice(seed, nth);
    const wanted = Array.from({ length: dice.between(1, 5) }, (_, at) => requestOf(dice, `${seed}-${nth * 8 + at}`));
    const sent = wanted[0]?.isAlone === true ? wanted.slice(0, 1) : wanted.filter(({ isAlone }) => !isAlone);
    for (const { id, method } of sent) methods.set(id, method);
    const got = await exchange(yard.gateway.port, sent, dice);
    const judged = typeof got === 'string' ? { fault: got, own: 0, whole: 0 } : judge(sent, got);
    requests += sent.length;
    answered += judged.whole;
    refused += judged.own;
    if (judged.fault !== null) faults.push(`client ${nth}: ${judged.fault}`);
  };
  const runMany = async (): Promise<void> => {
    while (next < clients) await runOne(next++);
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_A_TIME }, runMany));
  faults.push(...(await leftBehind(yard.adminUrl)));
  for (const { faults: theirs } of upstreams) faults.push(...theirs);
  for (const [id, method] of methods) {
    const times = upstreams.reduce((sum, { seen }) => sum + (seen.get(id) ?? 0), 0);
    if (times > (method === 'POST' ? 1 : 3)) faults.push(`${method} ${id} was done ${times} times`);
  }
  await yard.gateway.stop();
  const untilMs = performance.now() + GIVE_UP_MS;
  while (upstreams.some(({ sockets }) => sockets.size > 0) && performance.now() < untilMs) await pause(20);
  for (const { sockets } of upstreams)
    if (sockets.size > 0) faults.push(`${sockets.size} connections outlive the gateway`);
  return { requests, answered, refused, faults };
}

function requestOf(dice: Dice, id: string): Sent {
  const kind = dice.of([
    'GET',
    'GET',
    'GET',
    'HEAD',
    'POST',
    'POST',
    'chunked',
    'expecting',
    'early',
    'odd',
    'old',
  ] as const);
  const isAlone = kind === 'old';
  const target = kind === 'early' ? `/early/${id}` : `/${dice.is(0.3) ? 'hedged/' : ''}${id}`;
  const head = `Host: a\r\nX-Request-Id: ${id}\r\n`;
  const body = bodyOf(id, dice.of([1, dice.between(1, 2_000), dice.between(10_000, 200_000)]));
  const lengthOf = `Content-Length: ${body.length}\r\n`;
  if (kind === 'GET' || kind === 'HEAD')
    return { id, isAlone, method: kind, bytes: `${kind} ${target} HTTP/1.1\r\n${head}\r\n` };
  if (kind === 'odd')
    return { id, isAlone, method: 'GET', bytes: `GET ${target} HTTP/1.1\r\n${head}Connection: Keep-Alive, x\r\n\r\n` };
  if (kind === 'old') return { id, isAlone, method: 'GET', bytes: `GET ${target} HTTP/1.0\r\n${head}\r\n` };
  const post = `POST ${target} HTTP/1.1\r\n${head}`;
  if (kind !== 'chunked')
    return {
      id,
      isAlone,
      method: 'POST',
      bytes: `${post}${kind === 'expecting' ? 'Expect: 100-continue\r\n' : ''}${lengthOf}\r\n${body}`,
    };
  const half = Math.ceil(body.length / 2);
  const chunks = [body.slice(0, half), body.slice(half)].filter((one) => one !== '');
  const coded = chunks.map((one) => `${one.length.toString(16)}\r\n${one}\r\n`).join('');
  return { id, isAlone, method: 'POST', bytes: `${post}Transfer-Encoding: chunked\r\n\r\n${coded}0\r\n\r\n` };
}

/** What came back until the connection was closed, by either side; in words when that never happens. */
function exchange(port: number, sent: readonly Sent[], dice: Dice): Promise<Got | string> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const methods = sent.map(({ method }) => method);
    const isPolite = dice.is(0.4);
    const leavesAfterMs = dice.is(0.2) ? dice.upTo(60) : Infinity;
    const isDawdling = dice.is(0.2);
    const pieces = isPolite ? sent.map(({ bytes }) => bytes) : cut(dice, sent.map(({ bytes }) => bytes).join(''));
    let [all, hasLeft, wasReset, answers] = ['', false, false, 0];
    const leave = (): void => {
      hasLeft = true;
      if (dice.is(0.5)) socket.resetAndDestroy();
      else socket.destroy();
    };
    const leaving = leavesAfterMs === Infinity ? null : setTimeout(leave, leavesAfterMs);
    const late = setTimeout(() => {
      resolve(`nothing more came of ${asking(sent)} after ${JSON.stringify(all.slice(-300))}`);
      socket.destroy();
    }, GIVE_UP_MS);
    const sendNext = (): void => {
      const piece = pieces.shift();
      if (piece === undefined || !socket.writable) return;
      socket.write(piece, 'latin1');
      if (!isPolite) setTimeout(sendNext, dice.of([0, 0, 1, 5]));
    };
    socket.setEncoding('latin1');
    socket.on('connect', sendNext);
    socket.on('data', (text: string) => {
      all += text;
      const arrived = readAnswers(all, methods).answers.length;
      if (isPolite && arrived > answers) sendNext();
      answers = arrived;
      if (arrived === sent.length) {
        hasLeft = true;
        socket.destroy();
      } else if (isDawdling) {
        socket.pause();
        setTimeout(() => socket.resume(), 5);
      }
    });
    socket.on('error', () => (wasReset = true));
    socket.on('close', () => {
      clearTimeout(late);
      if (leaving !== null) clearTimeout(leaving);
      resolve({ all, hasLeft, wasReset });
    });
  });
}

function cut(dice: Dice, bytes: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = dice.of([bytes.length, dice.between(1, 200), dice.between(1, 70_000)]);
    pieces.push(bytes.slice(at, at + length));
    at += length;
  }
  return pieces;
}

/** Each answer is that of its request, whole; behind them at most the beginning of the one that is next. */
function judge(sent: readonly Sent[], got: Got): { fault: string | null; whole: number; own: number } {
  const { all, hasLeft, wasReset } = got;
  const methods = sent.map(({ method }) => method);
  const { answers, rest, fault } = readAnswers(all, methods, !hasLeft && !wasReset);
  let [whole, own] = [0, 0];
  const found = (why: string | null) => ({ fault: why, whole, own });
  if (fault !== null) return found(fault);
  for (const [nth, answer] of answers.entries()) {
    const { id, method } = sent[nth] ?? { id: 'nobody', method: 'GET' };
    const [asked] = valuesOf(answer, 'x-request-id');
    if (asked !== id) return found(`the answer to ${asked} where that to ${id} belongs`);
    if (answer.status !== 200) {
      own += 1;
      if (![502, 503, 504].includes(answer.status)) return found(`${answer.status} for ${id}: ${answer.body}`);
      continue;
    }
    whole += 1;
    const { bytes } = answeringOf(id);
    if (valuesOf(answer, 'x-id')[0] !== id) return found(`the answer of another to ${id}`);
    const expected = method === 'HEAD' ? '' : bodyOf(id, bytes);
    if (answer.body !== expected)
      return found(`${id} (${asking(sent)}) has the body of another: ${firstOther(answer.body, expected)}`);
  }
  const next = sent[answers.length];
  if (next === undefined || hasLeft) return found(beginsAnother(rest, next?.id ?? 'nobody'));
  const last = answers.at(-1);
  const saidSo = last !== undefined && valuesOf(last, 'connection')[0] === 'close';
  const mayBreak = ['broken', 'dead'].includes(answeringOf(next.id).ending);
  // Its body was not taken when the answer came: what was on its way resets the connection.
  if (saidSo || mayBreak) return found(beginsAnother(rest, next.id));
  return found(
    `no answer to ${next.id}, ${JSON.stringify(answeringOf(next.id))}, but ${JSON.stringify(rest.slice(0, 400))}, ${rest.length} bytes; ` +
      `${wasReset ? 'reset' : 'closed'} after ${answers.length} answers to ${asking(sent)}`,
  );
}

const asking = (sent: readonly Sent[]): string =>
  sent.map(({ bytes }) => bytes.slice(0, bytes.indexOf('\r\n\r\n')).replaceAll('\r\n', ' | ')).join(' and ');

function firstOther(text: string, expected: string): string {
  let at = 0;
  while (at < text.length && text[at] === expected[at]) at += 1;
  return `${text.length} instead of ${expected.length} bytes, from ${at} on ${JSON.stringify(text.slice(at, at + 60))}`;
}

/** Whether what has come of an answer is the beginning of the one to `id`. */
function beginsAnother(rest: string, id: string): string | null {
  const end = rest.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = rest.slice(0, end).toLowerCase();
  if (!head.includes(`x-request-id: ${id}`)) return `what is not for ${id}: ${head}`;
  // A problem: its body is short, and says whom it is for.
  if (!head.startsWith('http/1.1 200 ')) return null;
  const body = rest.slice(end + 4);
  const text = head.includes('transfer-encoding: chunked') ? decoded(body) : body;
  return bodyOf(id, answeringOf(id).bytes).startsWith(text) ? null : `bytes of another in the answer to ${id}`;
}

/** Of chunks that may end anywhere. */
function decoded(chunks: string): string {
  let text = '';
  for (let at = 0; ;) {
    const lineEnd = chunks.indexOf('\r\n', at);
    const size = lineEnd === -1 ? 0 : Number.parseInt(chunks.slice(at, lineEnd), 16);
    if (size === 0) return text;
    text += chunks.slice(lineEnd + 2, lineEnd + 2 + size);
    at = lineEnd + size + 4;
  }
}

async function leftBehind(adminUrl: string): Promise<string[]> {
  const untilMs = performance.now() + GIVE_UP_MS;
  for (;;) {
    const { deployments, instances, streams } = (await (await fetch(`${adminUrl}/in-flight`)).json()) as {
      deployments: Record<string, number>;
      instances: Record<string, number>;
      streams: number;
    };
    const counts = [...Object.values(deployments), ...Object.values(instances), streams];
    if (counts.every((count) => count === 0)) return [];
    if (performance.now() > untilMs) return [`still in flight: ${JSON.stringify({ deployments, instances, streams })}`];
    await pause(20);
  }
}
