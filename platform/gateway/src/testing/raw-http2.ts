/** Frames of HTTP/2 as no proper client would send them, and what comes back. */
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { SecureYard } from './secure-yard.ts';

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
  continuation: 9,
};
export const END_STREAM = 1;
export const END_HEADERS = 4;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export type Fields = readonly (readonly [name: string, value: string])[];

/** As HPACK writes what is in no table (RFC 7541 section 6.2.2): every byte as it is given. */
export const fieldBlock = (fields: Fields): Buffer =>
  Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), lengthAnd(name), lengthAnd(value)]));

function lengthAnd(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...length, rest]), bytes]);
}

export const GET: Fields = [
  [':method', 'GET'],
  [':scheme', 'https'],
  [':path', '/x'],
  [':authority', 'localhost'],
];

/** `GET` with some of its fields in another way; undefined: without it. */
export const getWith = (changed: Readonly<Record<string, string | undefined>>, more: Fields = []): Fields => [
  ...GET.flatMap(([name, value]): Fields => {
    if (!(name in changed)) return [[name, value]];
    return changed[name] === undefined ? [] : [[name, changed[name]]];
  }),
  ...more,
];

export const request = (stream: number, fields: Fields, hasBody = false): Buffer =>
  frame(FRAME.headers, END_HEADERS | (hasBody ? 0 : END_STREAM), stream, fieldBlock(fields));

export interface FramesBack {
  /** `reset 1` (its code), `go away 0`, `head`, `data …`, in their order. */
  readonly told: readonly string[];
  /** All bytes of DATA frames. */
  readonly text: string;
  readonly wasClosed: boolean;
}

const DEADLINE_MS = 10_000;

/** A connection on which frames may be written, after the preface. */
export function connectFrames(yard: SecureYard): TLSSocket {
  const at = { port: yard.tlsPort, host: '127.0.0.1', servername: 'localhost', ca: yard.authority.pem };
  const socket = connect({ ...at, ALPNProtocols: ['h2'] });
  socket.on('error', () => {});
  socket.write(Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(FRAME.settings, 0, 0)]));
  return socket;
}

/** Sends the frames and reads until a stream has ended, by an answer or a reset, or the connection is closed. */
export function exchangeFrames(
  yard: SecureYard,
  frames: readonly Buffer[],
  isEnough: (told: readonly string[]) => boolean = (told) =>
    told.includes('end') || told.some((one) => one.startsWith('reset')),
): Promise<FramesBack> {
  return new Promise((resolve, reject) => {
    const socket = connectFrames(yard);
    const told: string[] = [];
    let text = '';
    let held: Buffer = Buffer.alloc(0);
    const finish = (wasClosed: boolean): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve({ told, text, wasClosed });
    };
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new Error(`nothing more within ${DEADLINE_MS} ms; so far: ${told.join(', ')}`));
    }, DEADLINE_MS);
    socket.write(Buffer.concat(frames));
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 9 && held.length >= 9 + held.readUIntBE(0, 3)) {
        const length = held.readUIntBE(0, 3);
        const payload = held.subarray(9, 9 + length);
        const [type, flags] = [held[3]!, held[4]!];
        if (type === FRAME.headers) told.push('head');
        else if (type === FRAME.data) text += payload.toString('latin1');
        else if (type === FRAME.reset) told.push(`reset ${payload.readUInt32BE(0)}`);
        else if (type === FRAME.goAway) told.push(`go away ${payload.readUInt32BE(4)}`);
        if ((type === FRAME.headers || type === FRAME.data) && (flags & END_STREAM) !== 0) told.push('end');
        held = held.subarray(9 + length);
      }
      if (isEnough(told)) finish(false);
    });
    socket.on('close', () => finish(true));
  });
}
