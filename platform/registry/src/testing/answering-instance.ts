/** For tests: a process's worth of HTTP server that answers its health path. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';

export interface AnsweringInstance {
  readonly port: number;
  /** Status of `/health/ready`; everything else is 404. */
  status: number;
  /** Sent as the instance's id; null: none. */
  instance: string | null;
  readonly close: () => Promise<void>;
}

export async function answeringInstance(t: TestContext, instance: string | null = null): Promise<AnsweringInstance> {
  const server = createServer((request, response) => {
    if (state.instance !== null) response.setHeader(INSTANCE_HEADER, state.instance);
    response.writeHead(request.url === '/health/ready' ? state.status : 404).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  const state = { port: (server.address() as AddressInfo).port, status: 200, instance, close };
  t.after(close);
  return state;
}
