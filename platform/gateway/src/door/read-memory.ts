/**
 * One piece of memory for what all clients send. Node.js takes 64 KiB anew for each read of an accepted socket and gives most of it back,
 * which costs an eighth of a proxied request (decisions/0057); `net.connect` has the option `onread` against that, `net.Server` has
 * none. This sets up an accepted socket the way that option would. Where it cannot be done, reads come as usual.
 */
import type { Socket } from 'node:net';

const MEMORY_BYTES = 65_536;
const memory = Buffer.allocUnsafeSlow(MEMORY_BYTES);

type Read = (length: number, memory: Buffer) => boolean;
/** What `net.Socket` keeps of the option `onread`, under symbols of its own. */
type Insides = Socket & {
  readonly _handle: { useUserBuffer?(memory: Buffer): void } | null;
  [name: symbol]: unknown;
};

/**
 * @param read gets what was read; its memory is used again when the call returns
 * @returns whether `read` will be called; otherwise `data` is emitted as usual, and always after `giveBack`
 */
export function readInto(socket: Socket, read: (piece: Buffer) => void): boolean {
  const insides = socket as Insides;
  const buffer = symbolOf(socket, 'kBuffer');
  const callback = symbolOf(socket, 'kBufferCb');
  const handle = insides._handle;
  if (buffer === undefined || callback === undefined || typeof handle?.useUserBuffer !== 'function') return false;
  // What was read before would be told after what comes now.
  if (socket.readableLength > 0) return false;
  insides[buffer] = memory;
  insides[callback] = ((length) => {
    read(memory.subarray(0, length));
    return true;
  }) satisfies Read;
  handle.useUserBuffer(memory);
  return true;
}

/** From now on what is read is emitted as `data`: the socket goes to somebody who knows nothing of this. */
export function giveBack(socket: Socket): void {
  const callback = symbolOf(socket, 'kBufferCb');
  if (callback === undefined || (socket as Insides)[callback] == null) return;
  (socket as Insides)[callback] = ((length) => {
    const hasRoom = socket.push(Buffer.from(memory.subarray(0, length)));
    return hasRoom;
  }) satisfies Read;
}

const symbols = new Map<string, symbol>();

function symbolOf(socket: Socket, description: string): symbol | undefined {
  let found = symbols.get(description);
  if (found === undefined) {
    found = Object.getOwnPropertySymbols(socket).find((symbol) => symbol.description === description);
    if (found !== undefined) symbols.set(description, found);
  }
  return found;
}
