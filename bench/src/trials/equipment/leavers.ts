/** Clients that go away in the middle of something, for as long as they are let: what they leave behind is for the gateway to clear. */
import { connect } from 'node:net';

const STAYS_MS = 300;
const EACH = [
  'GET /slow?n=leaver&ms=3000 HTTP/1.1\r\nhost: leaver\r\n\r\n',
  'GET /slow?n=leaver&ms=3000&head=early HTTP/1.1\r\nhost: leaver\r\n\r\n',
  'POST /upload?n=leaver HTTP/1.1\r\nhost: leaver\r\ncontent-length: 100000\r\n\r\nbut this is all',
  'POST /upload?n=leaver HTTP/1.1\r\nhost: leaver\r\ntransfer-encoding: chunked\r\n\r\n5\r\nthis ',
  'GET /stream HTTP/1.1\r\nhost: leaver\r\naccept: text/event-stream\r\n\r\n',
  'GET /socket HTTP/1.1\r\nhost: leaver\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
  'GET /get?n=half HTTP/1.1\r\nhost: lea',
  'GET /nowhere%2 HTTP/1.1\r\nhost: leaver\r\n\r\n',
];

/** Begins `perSecond` of them, each of another kind; the call that comes back stops it and tells how many there were. */
export function startLeavers(port: number, perSecond: number): () => number {
  let count = 0;
  const timer = setInterval(() => {
    const words = EACH[count % EACH.length]!;
    count += 1;
    const socket = connect(port, '127.0.0.1', () => {
      socket.write(words);
      // Half of them politely, half by a reset.
      setTimeout(() => (count % 2 === 0 ? socket.destroy() : socket.resetAndDestroy()), STAYS_MS);
    });
    socket.on('error', () => socket.destroy());
    socket.resume();
  }, 1_000 / perSecond);
  return () => {
    clearInterval(timer);
    return count;
  };
}
