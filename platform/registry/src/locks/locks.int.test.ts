/** Locks over HTTP, through kill -9 of the registry, and a swap's calls as the yard makes them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { problem } from '@switchyard/contracts/problem';
import { RegistryError } from '@switchyard/kit/registry/client';
import { OPERATOR_TOKEN, RegistryProcess } from '../testing/registry-process.ts';

const LOCK = '/v1/services/users/lock';
const HOLDER = { holder: 'swap-1', ttlMs: 600_000 };

/** `users-7` is live at epoch 1, `users-8` is there. Nobody answers for them, but their leases are long. */
async function withUsers(registry: RegistryProcess): Promise<void> {
  const { operator } = registry;
  await operator.declare({ services: { users: {} } });
  await registerAll(registry);
  await operator.setLive({ changes: { users: { live: 'users-7' } }, expect: 0 });
}

async function registerAll({ operator }: RegistryProcess): Promise<void> {
  for (const deployment of ['users-7', 'users-8'])
    await operator.register(`${deployment}-1`, { service: 'users', deployment, port: 9, leaseMs: 3_600_000 });
}

async function tokenFor({ operator }: RegistryProcess, holder: string): Promise<number> {
  const answer = await operator.lock('users', { holder, ttlMs: 600_000 });
  assert.ok('held' in answer);
  return answer.held.token;
}

test('taking, renewing and releasing a lock, and being told who has it', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { operator } = registry;
  await withUsers(registry);
  const token = await tokenFor(registry, 'swap-1');
  assert.deepEqual(await operator.renewLock('users', HOLDER), { held: { service: 'users', token, ...HOLDER } });
  const other = { holder: 'swap-2' };
  for (const answer of [
    await operator.lock('users', other),
    await operator.renewLock('users', other),
    await operator.unlock('users', other),
  ]) {
    assert.ok(typeof answer === 'object' && 'heldBy' in answer && answer.heldBy === 'swap-1');
    assert.ok(answer.expiresInMs > 500_000 && answer.expiresInMs <= 600_000);
  }
  assert.equal(await operator.unlock('users', HOLDER), 'released');
  assert.equal(await operator.unlock('users', HOLDER), 'released');
  assert.deepEqual(await operator.renewLock('users', HOLDER), { heldBy: null });
  assert.ok((await tokenFor(registry, 'swap-2')) > token);
});

test('a lock that nobody renews is free when its ttl is over', async (t) => {
  const registry = await RegistryProcess.start(t);
  await withUsers(registry);
  assert.ok('held' in (await registry.operator.lock('users', { holder: 'swap-1', ttlMs: 1_000 })));
  const deadline = AbortSignal.timeout(10_000);
  for (;;) {
    const answer = await registry.operator.lock('users', { holder: 'swap-2' });
    if ('held' in answer) break;
    assert.equal(answer.heldBy, 'swap-1');
    deadline.throwIfAborted();
  }
});

test('locks are for the operator, of services that are there, and a fault of the request is named', async (t) => {
  const registry = await RegistryProcess.start(t);
  await withUsers(registry);
  const ask = async (method: string, path: string, body: unknown, token: string | null = OPERATOR_TOKEN) => {
    const answer = await registry.request(path, {
      method,
      headers: { 'content-type': 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });
    return problem.parse(await answer.json());
  };
  for (const method of ['POST', 'PUT', 'DELETE'])
    for (const token of [null, await registry.tokenOf('users')])
      assert.equal((await ask(method, LOCK, HOLDER, token)).code, 'REQUEST_NOT_THE_OPERATOR');
  assert.equal((await ask('POST', '/v1/services/nobody/lock', HOLDER)).code, 'REGISTRY_SERVICE_UNKNOWN');
  for (const [body, at] of [
    [{ holder: '' }, 'body.holder'],
    [{ holder: 'x'.repeat(201) }, 'body.holder'],
    [{ holder: 'x', ttlMs: 999 }, 'body.ttlMs'],
    [{ holder: 'x', ttlMs: 600_001 }, 'body.ttlMs'],
  ] as const)
    assert.equal((await ask('POST', LOCK, body)).errors?.[0]?.at, at);
  assert.equal((await ask('POST', '/v1/services/Users/lock', HOLDER)).errors?.[0]?.at, 'path.service');
  for (const part of ['gateway', 'registry']) assert.ok('held' in (await registry.operator.lock(part, HOLDER)));
});

test('who changes what is live learns whether the epoch moved, the lock is lost, or somebody else holds it', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { operator } = registry;
  await withUsers(registry);
  const first = await tokenFor(registry, 'swap-1');
  const token = await tokenFor(registry, 'swap-1');
  const changes = { users: { live: 'users-8', standby: 'users-7' } };
  const lost = { set: false, epoch: 1, because: 'lock-lost' };
  assert.deepEqual(await operator.setLive({ changes, expect: 1, locks: { users: first } }), lost);
  const held = await operator.setLive({ changes, expect: 1 });
  assert.ok(!held.set && held.because === 'lock-held');
  assert.deepEqual([held.epoch, held.heldBy], [1, 'swap-1']);
  assert.deepEqual(await operator.setLive({ changes, expect: 0, locks: { users: token } }), {
    set: false,
    epoch: 1,
    because: 'epoch-moved',
  });
  assert.deepEqual(await operator.setLive({ changes, expect: 1, locks: { users: token } }), { set: true, epoch: 2 });
  assert.deepEqual(await registry.anybody.readLive(), {
    epoch: 2,
    services: { users: { live: 'users-8', standby: 'users-7', split: null } },
  });
  await assert.rejects(
    operator.setLive({ changes: { users: { live: 'users-9' } }, expect: 2, locks: { users: token } }),
    (error) => error instanceof RegistryError && error.problem?.code === 'REGISTRY_DEPLOYMENT_EMPTY',
  );
});

test('after kill -9 a lock is still held, its token still changes what is live, and the next one is larger', async (t) => {
  const registry = await RegistryProcess.start(t, { RECOVERY_TIMEOUT_MS: '600000' });
  const { operator, anybody } = registry;
  await withUsers(registry);
  const token = await tokenFor(registry, 'swap-1');
  await registry.kill('SIGKILL');
  await registry.start();
  await assert.rejects(anybody.readTable(), RegistryError);
  assert.equal((await anybody.readLive()).services['users']?.live, 'users-7', 'told while recovering');
  const other = await operator.lock('users', { holder: 'swap-2' });
  assert.ok('heldBy' in other && other.heldBy === 'swap-1' && other.expiresInMs > 500_000);
  const renewed = await operator.renewLock('users', HOLDER);
  assert.ok('held' in renewed && renewed.held.token === token);
  await registerAll(registry);
  const commit = { changes: { users: { live: 'users-8', standby: 'users-7' } }, expect: 1, locks: { users: token } };
  assert.deepEqual(await operator.setLive(commit), { set: true, epoch: 2 });
  const next = await tokenFor(registry, 'swap-1');
  assert.ok(next > token);
  await registry.kill('SIGKILL');
  await registry.start();
  assert.deepEqual(await operator.setLive({ ...commit, expect: 2 }), { set: false, epoch: 2, because: 'lock-lost' });
  assert.equal(await operator.unlock('users', HOLDER), 'released');
  await registry.kill('SIGKILL');
  await registry.start();
  assert.ok((await tokenFor(registry, 'swap-2')) > next);
});

test('an acknowledgement has room for several hundred deployments', async (t) => {
  const registry = await RegistryProcess.start(t);
  const watching = new AbortController();
  await registry.request('/v1/watch?watcher=gw-1&role=gateway', { signal: watching.signal });
  const ids = Array.from({ length: 300 }, (_, index) => `${'d'.repeat(57)}-${100 + index}`);
  const figures = { requests: 1_234_567, failed: 12, latencyMs: 123_456.789 };
  const traffic = Object.fromEntries(ids.map((id) => [id, figures]));
  const inFlight = Object.fromEntries(ids.map((id) => [id, 1]));
  assert.equal(await registry.anybody.acknowledge('gw-1', { epoch: 0, inFlight, traffic }), 'acknowledged');
  const [watcher] = await registry.anybody.readWatchers();
  assert.deepEqual([watcher?.inFlight, watcher?.traffic], [inFlight, traffic]);
  const tooMuch = { metadata: 'x'.repeat(70_000) };
  await assert.rejects(
    registry.anybody.acknowledge('gw-1', { epoch: 0, ...tooMuch }),
    (error) => error instanceof RegistryError && error.status === 413,
  );
  watching.abort();
});

test('the operator removes any instance, whoever registered it and whatever state the registry is in', async (t) => {
  const registry = await RegistryProcess.start(t, { RECOVERY_TIMEOUT_MS: '600000' });
  const { operator } = registry;
  await withUsers(registry);
  const asUsers = { authorization: `Bearer ${await registry.tokenOf('users')}`, 'content-type': 'application/json' };
  const body = JSON.stringify({ service: 'users', deployment: 'users-9', port: 9 });
  await registry.request('/v1/instances/users-9-1', { method: 'PUT', headers: asUsers, body });
  await registry.anybody.register('b-1', { service: 'blog', port: 9, leaseMs: 60_000 });
  const remove = async (id: string) =>
    (
      await registry.request(`/v1/instances/${id}`, {
        method: 'DELETE',
        headers: { authorization: `Bearer ${OPERATOR_TOKEN}` },
      })
    ).status;
  for (const id of ['users-9-1', 'b-1', 'users-7-1']) assert.equal(await remove(id), 204, id);
  assert.deepEqual(
    Object.entries((await operator.readTable()).services).map(([name, entry]) => [
      name,
      Object.values(entry.deployments).flatMap(({ instances }) => instances.map(({ id }) => id)),
    ]),
    [['users', ['users-8-1']]],
  );
  await registry.kill('SIGKILL');
  await registry.start();
  await operator.register('users-7-1', { service: 'users', deployment: 'users-7', port: 9, leaseMs: 3_600_000 });
  assert.equal(await remove('users-7-1'), 204);
  assert.equal((await registry.request('/health/live')).status, 200);
});
