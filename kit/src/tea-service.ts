/** The service that the tests of runService() start as a process of its own. */
import type { ServerResponse } from 'node:http';
import { z } from 'zod';
import { readConfig, serviceEnvironment } from './config.ts';
import { runService } from './run-service.ts';

const environment = readConfig(
  z.object({
    ...serviceEnvironment,
    TEA_IS_COLD: z.string().optional(),
    TEA_FAILS: z.string().optional(),
    TEA_NEVER_STARTS: z.string().optional(),
  }),
  process.env,
);

await runService(environment, async ({ lifecycle, log }) => {
  lifecycle.onStop('pot', () => log.info('opened first, closed last'));
  if (environment.TEA_FAILS !== undefined) throw new Error(environment.TEA_FAILS);
  if (environment.TEA_NEVER_STARTS !== undefined) await new Promise(() => {});
  const streams = new Set<ServerResponse>();
  let slow: ServerResponse | null = null;
  return {
    listener: (request, response) => {
      switch (request.url) {
        case '/slow':
          slow = response;
          response.write('slow ');
          return;
        case '/finish-slow':
          slow?.end('and whole');
          response.end();
          return;
        case '/stream':
          streams.add(response);
          response.writeHead(200, { 'content-type': 'text/event-stream' }).write('event: first\n\n');
          return;
        case '/throw':
          response.end();
          setImmediate(() => {
            throw new Error('nobody catches this');
          });
          return;
        default:
          response.end(`tea: ${request.url}`);
      }
    },
    checks: [
      {
        name: 'kettle',
        check: () =>
          environment.TEA_IS_COLD === undefined ? Promise.resolve() : Promise.reject(new Error('it is cold')),
      },
    ],
    endpoints: { tcp: { port: 4711 } },
    openApi: { openapi: '3.1.0' },
    onDrain: () => {
      for (const stream of streams) stream.end('event: bye\n\n');
    },
  };
});
