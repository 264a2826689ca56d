/** Reads one JSON value a line from a socket, with a limit to the length of a line. */
import type { Socket } from 'node:net';
import { LINE_MAX_BYTES } from './protocol.ts';

/** Calls `onValue` for each line; a line that is too long, or no JSON, ends the connection with an error. */
export function readJsonLines(socket: Socket, onValue: (value: unknown) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    if (rest.length > LINE_MAX_BYTES) {
      socket.destroy(new Error(`a line is longer than ${LINE_MAX_BYTES} bytes`));
      return;
    }
    for (const line of lines) {
      if (line === '') continue;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        socket.destroy(new Error('a line is not JSON'));
        return;
      }
      onValue(value);
    }
  });
}

export function writeJsonLine(socket: Socket, value: unknown): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}
