/** A service that answers each request as its id says: at once or slowly, in any framing, whole, broken off, early, or never. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { Dice } from './differential/dice.ts';
import { readRequest } from './recording-upstream.ts';

/** `close`: after a whole answer, unannounced. `more`: bytes after a whole answer. `dead`: a connection that ends without an answer. */
const ENDINGS = ['whole', 'whole', 'whole', 'whole', 'whole', 'close', 'more', 'broken', 'dead', 'silent'] as const;
const FRAMINGS = ['length', 'length', 'chunked', 'to-end'] as const;

export interface Answering {
  readonly ending: (typeof ENDINGS)[number];
  readonly framing: (typeof FRAMINGS)[number];
  readonly bytes: number;
  readonly pieces: number;
  readonly pauseMs: number;
  readonly saysClose: boolean;
}

/** What becomes of the request with the id `<seed>-<nth>-…`; the same wherever it arrives. */
export function answeringOf(id: string): Answering {
  const [seed = 0, nth = 0] = id.split('-').map(Number);
  const dice = new Dice(seed, nth);
  const bytes = dice.of([0, dice.upTo(100), dice.upTo(20_000), dice.between(20_000, 300_000)]);
  return {
    ending: dice.of(ENDINGS),
    framing: dice.of(FRAMINGS),
    bytes,
    pieces: dice.between(1, 6),
    pauseMs: dice.of([0, 0, 1, 10]),
    saysClose: dice.is(0.1),
  };
}

/** A body that nobody could take for another's. */
export const bodyOf = (id: string, bytes: number): string =>
  `${id};`.repeat(Math.ceil(bytes / (id.length + 1))).slice(0, bytes);

export interface InterleavedUpstream {
  readonly port: number;
  readonly faults: string[];
  /** How often each id arrived whole, or early. */
  readonly seen: Map<string, number>;
  readonly sockets: ReadonlySet<Socket>;
}

const HEAD = /^[A-Z]+ \/(?:hedged\/)?(early\/)?([0-9-]+) HTTP\/1\.1\r\n[^]*?\r\n\r\n/;

export async function startInterleavedUpstream(context: TestContext): Promise<InterleavedUpstream> {
  const faults: string[] = [];
  const seen = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket);
    let pending = '';
    let running = '';
    let isEarly = false;
    const begin = (id: string, isHead: boolean): void => {
      if (running !== '') faults.push(`${id} came before the end of the answer to ${running}`);
      running = id;
      seen.set(id, (seen.get(id) ?? 0) + 1);
      void answer(socket, id, isHead).then(() => (running = ''));
    };
    const read = (): void => {
      for (;;) {
        const head = HEAD.exec(pending);
        if (head === null) return;
        const [, early = '', id = ''] = head;
        if (early !== '' && !isEarly) {
          isEarly = true;
          begin(id, false);
        }
        const request = readRequest(pending);
        if (request === null) return;
        if (typeof request === 'string') {
          faults.push(`${request} in ${JSON.stringify(pending.slice(0, 500))}`);
          return void socket.destroy();
        }
        pending = pending.slice(request.length);
        const { body, method } = request.request;
        if (body !== bodyOf(id, body.length)) faults.push(`${id} has the body of another: ${body.slice(0, 100)}`);
        if (!isEarly) begin(id, method === 'HEAD');
        isEarly = false;
      }
    };
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      pending += text;
      read();
    });
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, faults, seen, sockets };
}

async function answer(socket: Socket, id: string, isHead: boolean): Promise<void> {
  const how = answeringOf(id);
  if (how.ending === 'silent') return void (await once(socket, 'close'));
  if (how.pauseMs > 0) await pause(how.pauseMs);
  if (how.ending === 'dead') return void socket.destroy();
  const isLastOfConnection = how.saysClose || how.framing === 'to-end';
  const framed = {
    length: `Content-Length: ${how.bytes}\r\n`,
    chunked: 'Transfer-Encoding: chunked\r\n',
    'to-end': '',
  }[how.framing];
  const text = isHead ? '' : bodyOf(id, how.bytes);
  const close = isLastOfConnection ? 'Connection: close\r\n' : '';
  // The last bytes of the answer leave together with what follows them, and those of a broken one never.
  const parts = [`HTTP/1.1 200 OK\r\nX-Id: ${id}\r\n${framed}${close}\r\n`];
  const step = Math.max(1, Math.ceil(text.length / how.pieces));
  for (let at = 0; at < text.length; at += step) {
    const part = text.slice(at, at + step);
    parts.push(how.framing === 'chunked' ? `${part.length.toString(16)}\r\n${part}\r\n` : part);
  }
  if (how.framing === 'chunked' && !isHead) parts.push('0\r\n\r\n');
  if (how.ending === 'broken') parts.length = Math.ceil(parts.length / 2);
  if (how.ending === 'more' && how.framing !== 'to-end')
    parts.push(`${parts.pop()}HTTP/1.1 200 OK\r\nX-Id: 0-0-0\r\n\r\n`);
  for (const [nth, part] of parts.entries()) {
    if (nth > 0 && how.pauseMs > 0) await pause(how.pauseMs);
    if (socket.destroyed) return;
    socket.write(part, 'latin1');
  }
  if (how.ending === 'broken') socket.resetAndDestroy();
  else if (isLastOfConnection || how.ending === 'close') socket.end();
}
