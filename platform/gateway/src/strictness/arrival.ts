/** The ways in which the same bytes can reach a gateway: first or later on a connection, in one piece or several. */
import { connect } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { readAnswers } from './answer-stream.ts';
import type { AnswerStream } from './answer-stream.ts';

/** What comes before on the connection: nothing, a plain GET that was answered, or one that was not yet. */
export type Before = 'nothing' | 'answered' | 'pipelined';

export interface Arrival {
  readonly name: string;
  readonly before: Before;
  /** Where the bytes are cut into writes; the gateway has read each before the next is sent. */
  readonly cuts: readonly number[];
  /** Of the requests, in their order; GET where it does not say. */
  readonly methods?: readonly string[];
  /** The client goes away as soon as all of it is sent. */
  readonly leaves?: boolean;
}

export interface Arrived extends AnswerStream {
  /** Everything that came back, a character a byte. */
  readonly all: string;
  readonly wasClosed: boolean;
}

/** The plain request that comes before, and its path. */
export const PLAIN_PATH = '/plain';
const PLAIN = `GET ${PLAIN_PATH} HTTP/1.1\r\nHost: a\r\n\r\n`;
const BEFORE: readonly [Before, string][] = [
  ['nothing', 'first on its connection'],
  ['answered', 'behind a plain GET'],
  ['pipelined', 'behind a plain GET that is not answered yet'],
];
/** Told in ticks: a process that is not given the processor for long gets none of them meanwhile. */
const TICK_MS = 500;
const TICKS_MAX = 20;
/** Turns of the event loop after which a gateway in this process has read what was written. */
const TURNS = 6;

/** Every way for these bytes: three places on a connection, each whole and cut where a reader keeps its state. */
export function arrivalsOf(bytes: string): Arrival[] {
  const pieces = [[], ...cutsOf(bytes).map((cut) => [cut])];
  return BEFORE.flatMap(([before, place]) =>
    pieces.map((cuts) => ({ before, cuts, name: cuts.length === 0 ? place : `${place}, cut at ${cuts[0]}` })),
  );
}

/** Within the request line, between CR and LF, within a header's name and behind its colon, around the end of the head, in the body. */
export function cutsOf(bytes: string): number[] {
  const lineEnd = bytes.indexOf('\r\n');
  const colon = bytes.indexOf(':', lineEnd);
  const headEnd = bytes.indexOf('\r\n\r\n');
  const wanted = [1, bytes.indexOf(' ') + 2, lineEnd + 1, lineEnd + 4, colon, colon + 1, headEnd + 3, headEnd + 4];
  const inside = wanted.filter((cut) => cut > 0 && cut < bytes.length && cut !== lineEnd);
  return [...new Set([...inside, bytes.length - 1])];
}

/**
 * Sends the bytes as told and reads until the gateway closes the connection, or `isEnough` of what came back to them (the
 * plain GET's answer is left out when it was waited for).
 */
export async function arrive(
  port: number,
  bytes: string,
  arrival: Arrival,
  isEnough: (all: string) => boolean = () => false,
): Promise<Arrived> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const ended = Promise.withResolvers<boolean>();
  const plainAnswered = Promise.withResolvers<void>();
  let all = '';
  let isWarm = arrival.before !== 'answered';
  let ticks = 0;
  const deadline = setInterval(() => {
    ticks += 1;
    if (ticks > TICKS_MAX) ended.reject(new Error(`${arrival.name}: no end in time; so far: ${JSON.stringify(all)}`));
  }, TICK_MS);
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    all += chunk;
    if (!isWarm && readAnswers(all, []).answers.length === 1) {
      isWarm = true;
      all = '';
      plainAnswered.resolve();
    } else if (isWarm && isEnough(all)) ended.resolve(false);
  });
  socket.on('error', () => ended.resolve(true));
  socket.on('close', () => {
    ended.resolve(true);
    plainAnswered.resolve();
  });
  try {
    if (arrival.before === 'answered') {
      socket.write(PLAIN, 'latin1');
      await Promise.race([plainAnswered.promise, ended.promise]);
    }
    const pieces = piecesOf(bytes, arrival.cuts);
    if (arrival.before === 'pipelined') pieces[0] = PLAIN + pieces[0];
    for (const piece of pieces) {
      if (socket.destroyed) break;
      socket.write(piece, 'latin1');
      if (pieces.length > 1 || arrival.leaves === true) await turns();
    }
    if (arrival.leaves === true) socket.destroy();
    const wasClosed = await ended.promise;
    return { ...readAnswers(all, arrival.methods ?? [], wasClosed), all, wasClosed };
  } finally {
    clearInterval(deadline);
    socket.destroy();
  }
}

export function piecesOf(bytes: string, cuts: readonly number[]): string[] {
  const ends = [...cuts, bytes.length];
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end));
}

/** Lets a gateway in this process read what was written: what the loopback carries is there at its next poll. */
export async function turns(): Promise<void> {
  for (let nth = 0; nth < TURNS; nth += 1) await turn();
}
