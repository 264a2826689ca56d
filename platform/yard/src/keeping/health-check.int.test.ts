/** What counts as well, asked of real listeners. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import { freePort } from '../runtime/ports.ts';
import { checkHealth, hostsToTry } from './health-check.ts';

async function ask(answer: { status?: number; instance?: string } | 'silence', health?: string, host = '127.0.0.1') {
  const server = createServer((_request, response) => {
    if (answer === 'silence') return;
    if (answer.instance !== undefined) response.setHeader(INSTANCE_HEADER, answer.instance);
    response.statusCode = answer.status ?? 200;
    response.write('endless');
  }).listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    return await checkHealth({ hosts: hostsToTry('127.0.0.1'), port, health, instanceId: 'web-1.1.a', timeoutMs: 300 });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

it('any 2xx is well, however long the answer goes on', async () => {
  assert.deepEqual(await ask({ status: 201 }, '/ready'), { kind: 'well', host: '127.0.0.1', echoes: false });
  assert.deepEqual(await ask({ instance: 'web-1.1.a' }, '/ready'), { kind: 'well', host: '127.0.0.1', echoes: true });
});

it('another status, and no answer in time, are not', async () => {
  assert.deepEqual(await ask({ status: 503 }, '/ready'), { kind: 'unwell', why: '/ready answers 503' });
  assert.deepEqual(await ask({ status: 302 }, '/ready'), { kind: 'unwell', why: '/ready answers 302' });
  assert.deepEqual(await ask('silence', '/ready'), { kind: 'unwell', why: '/ready gives no answer within 0.3 s' });
});

it('another instance on the same port is a stranger, also when it is well', async () => {
  const answer = await ask({ instance: 'web-1.1.b' }, '/ready');
  assert.equal(answer.kind, 'stranger');
});

it('without a path a connection is enough', async () => {
  assert.deepEqual(await ask('silence'), { kind: 'well', host: '127.0.0.1', echoes: false });
});

it('what listens on the IPv6 address of localhost alone is found', async (context) => {
  const answer = await ask({}, '/', '::1').catch(() => null);
  if (answer === null) return context.skip('this machine has no ::1');
  assert.deepEqual(answer, { kind: 'well', host: '::1', echoes: false });
});

it('where nobody listens nothing is well', async () => {
  const port = await freePort();
  for (const health of ['/', undefined]) {
    const question = { hosts: ['127.0.0.1'], port, health, instanceId: 'x', timeoutMs: 300 };
    assert.deepEqual(await checkHealth(question), { kind: 'unwell', why: `nobody listens on port ${port}` });
  }
});
