/** Answers what Node's parser could not read as a request, or what did not arrive in time. */
import type { Socket } from 'node:net';
import { PROBLEM_MEDIA_TYPE } from '@switchyard/contracts/problem';
import { problemOf, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import { connectionOf } from './client-connection.ts';

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
};

/** Nothing is written into the middle of an answer: then the connection is only cut. */
export function answerUnparsed(error: NodeJS.ErrnoException, socket: Socket): void {
  const connection = connectionOf(socket);
  if (!socket.writable || error.code === 'ECONNRESET' || connection.running > 0 || connection.isClosing) {
    socket.destroy();
    return;
  }
  const problem = problemOf(refusalOf(error));
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${REASONS[problem.status] ?? 'Error'}`,
    `date: ${new Date().toUTCString()}`,
    `content-type: ${PROBLEM_MEDIA_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'vary: Origin',
    'connection: close',
  ].join('\r\n');
  connection.closeAfterAnswer();
  socket.write(`${head}\r\n\r\n${body}`);
  socket.destroySoon();
}

function refusalOf(error: NodeJS.ErrnoException & { reason?: string }): Refusal {
  if (error.code === 'HPE_HEADER_OVERFLOW' || error.code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW')
    return refuse(errors.HEAD_TOO_LARGE, { detail: 'At most 16 KiB' });
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return refuse(errors.REQUEST_TIMEOUT);
  return refuse(errors.REQUEST_MALFORMED, { detail: error.reason ?? error.code ?? 'not HTTP' });
}
