/** Sends the bytes of a case to a gateway and hears it out: to the end of the connection, or of what has to be answered. */
import { connect } from 'node:net';
import { readAnswers } from '../answer-stream.ts';
import type { AnswerStream } from '../answer-stream.ts';
import { piecesOf, turns } from '../arrival.ts';
import type { Reading } from './reference.ts';
import type { FuzzCase } from './request-generator.ts';

export interface Heard extends AnswerStream {
  readonly wasClosed: boolean;
  /** Neither all answers nor the end of the connection came. */
  readonly isStuck: boolean;
}

/** Told in ticks: a process that is not given the processor for long gets none of them meanwhile. */
const TICK_MS = 1_000;
const TICKS_MAX = 10;

export async function converse(port: number, one: FuzzCase, reading: Reading, inPieces: boolean): Promise<Heard> {
  const methods = reading.requests.map(({ method }) => method);
  const wanted = reading.requests.filter(({ isWhole }) => isWhole).length;
  // After an error or a last request it is the gateway who ends the connection.
  const endsByItself = reading.error !== null || reading.isOver;
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  const ended = Promise.withResolvers<'closed' | 'answered' | 'stuck'>();
  let ticks = 0;
  const deadline = setInterval(() => {
    ticks += 1;
    if (ticks > TICKS_MAX) ended.resolve('stuck');
  }, TICK_MS);
  let all = '';
  let isSent = false;
  const look = (): void => {
    if (!endsByItself && isSent && readAnswers(all, methods).answers.length >= wanted) ended.resolve('answered');
  };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    all += chunk;
    look();
  });
  socket.on('error', () => ended.resolve('closed'));
  socket.on('close', () => ended.resolve('closed'));
  for (const piece of piecesOf(one.bytes, inPieces ? one.cuts : [])) {
    if (socket.destroyed) break;
    socket.write(piece, 'latin1');
    if (inPieces) await turns();
  }
  isSent = true;
  look();
  const how = await ended.promise;
  clearInterval(deadline);
  // An answer too many would come right behind the others.
  if (how === 'answered') await turns();
  socket.destroy();
  return { ...readAnswers(all, methods, how === 'closed'), wasClosed: how === 'closed', isStuck: how === 'stuck' };
}
