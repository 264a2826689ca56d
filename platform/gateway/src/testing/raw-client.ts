/** Sends exact bytes and reads what comes back, for requests that no proper client would send. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';

export interface RawAnswer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number;
  /** Names in lower case; several values are joined by newlines. */
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
  /** Everything that arrived until the server closed the connection, or `untilEnd` said that it is enough. */
  readonly all: string;
  readonly wasClosed: boolean;
}

const DEADLINE_MS = 5_000;

/** Sends `bytes` and reads to the end of the connection, or until what has arrived satisfies `isEnough`. */
export function sendRaw(
  port: number,
  bytes: string | Buffer,
  isEnough: (all: string) => boolean = () => false,
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: '127.0.0.1', port });
    let all = '';
    let isDone = false;
    const finish = (wasClosed: boolean): void => {
      if (isDone) return;
      isDone = true;
      clearTimeout(deadline);
      socket.destroy();
      resolve({ ...parsed(all), all, wasClosed });
    };
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no end within ${DEADLINE_MS} ms; so far: ${all}`));
    }, DEADLINE_MS);
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      all += chunk;
      if (isEnough(all)) finish(false);
    });
    socket.on('error', () => finish(true));
    socket.on('close', () => finish(true));
    socket.write(bytes);
  });
}

/** Enough when a whole answer with a length is there. */
export function hasAnswer(all: string): boolean {
  const end = all.indexOf('\r\n\r\n');
  if (end === -1) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(all.slice(0, end + 2))?.[1];
  return length === undefined || all.length >= end + 4 + Number(length);
}

function parsed(all: string): Pick<RawAnswer, 'status' | 'headers' | 'text'> {
  const end = all.indexOf('\r\n\r\n');
  const [first = '', ...lines] = all.slice(0, end === -1 ? undefined : end).split('\r\n');
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}\n${value}` : value);
  }
  return { status: Number(first.split(' ')[1] ?? 0), headers, text: end === -1 ? '' : all.slice(end + 4) };
}
