/** What counts as warm, asked of real servers. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { freePort } from '../runtime/ports.ts';
import { warmUp } from './warm-up.ts';

const NEVER = new AbortController().signal;

async function warm(
  paths: readonly string[],
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  signal = NEVER,
) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    const sentence = await warmUp({ host: '127.0.0.1', port, paths, timeoutMs: 500, signal });
    return { sentence, asked };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it('each path is asked once, in order, one after the other', async () => {
  let running = 0;
  const { sentence, asked } = await warm(['/a?b=1', '/', '/a?b=1'], (_request, response) => {
    assert.equal((running += 1), 1);
    setImmediate(() => {
      running -= 1;
      response.end('x');
    });
  });
  assert.equal(sentence, null);
  assert.deepEqual(asked, ['GET /a?b=1', 'GET /', 'GET /a?b=1']);
});

it('a path is asked as a browser would', async () => {
  const { asked } = await warm(['/größe/%20?q=€&x=1'], (_request, response) => response.end());
  assert.deepEqual(asked, ['GET /gr%C3%B6%C3%9Fe/%20?q=%E2%82%AC&x=1']);
});

it('no path is no work', async () => {
  const port = await freePort();
  assert.equal(await warmUp({ host: '127.0.0.1', port, paths: [], timeoutMs: 500, signal: NEVER }), null);
});

for (const status of [200, 204, 304, 401, 404]) {
  it(`${status} is an answer`, async () => {
    assert.equal((await warm(['/x'], (_request, response) => response.writeHead(status).end())).sentence, null);
  });
}

it('5xx is told with its path, and what follows is not asked', async () => {
  const { sentence, asked } = await warm(['/good', '/bad', '/never'], (request, response) =>
    response.writeHead(request.url === '/bad' ? 503 : 200).end(),
  );
  assert.equal(sentence, '/bad answers 503');
  assert.deepEqual(asked, ['GET /good', 'GET /bad']);
});

it('no answer in time, a broken one and nobody who listens are told', async () => {
  assert.equal((await warm(['/slow'], () => undefined)).sentence, '/slow gives no answer within 0.5 s');
  const broken = await warm(['/broken'], (_request, response) => {
    response.writeHead(200, { 'content-length': 100 });
    response.write('half', () => response.destroy());
  });
  assert.match(broken.sentence ?? '', /^\/broken gives no whole answer \(.+\)$/);
  const port = await freePort();
  const nobody = await warmUp({ host: '127.0.0.1', port, paths: ['/x'], timeoutMs: 500, signal: NEVER });
  assert.match(nobody ?? '', /^\/x gives no whole answer \(.*ECONNREFUSED/);
});

it('a stream that does not end is an answer', async () => {
  const { sentence } = await warm(['/stream'], (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('event: hello\n\n');
  });
  assert.equal(sentence, null);
});

it('whoever gives up is told so', async () => {
  const giveUp = new AbortController();
  const given = warm(['/slow'], () => giveUp.abort(new Error('given up')), giveUp.signal);
  await assert.rejects(given, /given up/);
});
