/** Probes on real sockets. */
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { answeringInstance } from '../testing/answering-instance.ts';
import { probe } from './probe.ts';

const target = (port: number, health?: string) => ({ id: 'u-1', host: '127.0.0.1', port, health });

test('a health path that answers 2xx is well, with the instance’s own id or with none', async (t) => {
  const instance = await answeringInstance(t);
  assert.equal(await probe(target(instance.port, '/health/ready'), 1_000), 'well');
  instance.instance = 'u-1';
  assert.equal(await probe(target(instance.port, '/health/ready'), 1_000), 'well');
});

test('any other status is not well, and no redirect is followed', async (t) => {
  const instance = await answeringInstance(t);
  for (const status of [503, 404, 302]) {
    instance.status = status;
    assert.equal(await probe(target(instance.port, '/health/ready'), 1_000), 'silent', String(status));
  }
});

test('another instance that answers at the address is told apart', async (t) => {
  const instance = await answeringInstance(t, 'u-2');
  assert.equal(await probe(target(instance.port, '/health/ready'), 1_000), 'replaced');
});

test('without a health path a TCP connection is enough', async (t) => {
  const instance = await answeringInstance(t);
  instance.status = 500;
  assert.equal(await probe(target(instance.port), 1_000), 'well');
});

test('a port where nobody listens refuses', async (t) => {
  const instance = await answeringInstance(t);
  await instance.close();
  assert.equal(await probe(target(instance.port), 1_000), 'refused');
  assert.equal(await probe(target(instance.port, '/health/ready'), 1_000), 'refused');
});

test('one that accepts and says nothing is silent after the deadline', async (t) => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  assert.equal(await probe(target(port, '/health/ready'), 50), 'silent');
});
