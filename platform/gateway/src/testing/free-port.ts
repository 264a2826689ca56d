/** A port on loopback that nobody listens on just now. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { listenOn, portOf } from '@switchyard/kit/http/server';

export async function freePort(): Promise<number> {
  const server = createServer();
  await listenOn(server, { host: '127.0.0.1', port: 0 });
  const port = portOf(server);
  server.close();
  await once(server, 'close');
  return port;
}
