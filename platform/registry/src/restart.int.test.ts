/** The registry killed and started again: what is live survives, and no empty table is ever published. */
import assert from 'node:assert/strict';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { RegistryError } from '@switchyard/kit/registry/client';
import { answeringInstance } from './testing/answering-instance.ts';
import { RegistryProcess } from './testing/registry-process.ts';

const isRecovering = (error: unknown): boolean =>
  error instanceof RegistryError && error.status === 503 && error.problem?.code === 'REGISTRY_RECOVERING';

/** A yard with one declared service live at epoch 1, whose instance nobody answers for. */
async function withLiveUsers(registry: RegistryProcess, port = 9, health?: string): Promise<void> {
  await registry.operator.declare({ services: { users: { routes: ['/api/users'] } } });
  await registry.operator.register('u-1', {
    service: 'users',
    deployment: 'users-7',
    port,
    leaseMs: 3_600_000,
    ...(health === undefined ? {} : { health }),
  });
  await registry.operator.setLive({ changes: { users: { live: 'users-7' } }, expect: 0 });
}

test('after kill -9 the epoch and what is live are as they were, and nothing is told until the instances are back', async (t) => {
  const registry = await RegistryProcess.start(t, { RECOVERY_TIMEOUT_MS: '600000' });
  await withLiveUsers(registry);
  const before = await registry.anybody.readTable();
  await registry.kill('SIGKILL');
  await registry.start();
  const { anybody, operator } = registry;
  await assert.rejects(anybody.readTable(), isRecovering);
  await assert.rejects(anybody.readWatchers(), isRecovering);
  const watch = await registry.request('/v1/watch');
  assert.deepEqual([watch.status, watch.headers.get('retry-after')], [503, '1']);
  assert.equal((await registry.request('/health/ready')).status, 503);
  assert.equal((await registry.request('/health/live')).status, 200);
  assert.equal(await operator.renew('u-1'), 'unknown');
  assert.equal(await operator.register('u-1', { service: 'users', deployment: 'users-7', port: 9 }), 'registered');
  const after = await anybody.readTable();
  assert.deepEqual([after.epoch, after.services['users']?.live], [1, 'users-7']);
  assert.ok(after.revision > before.revision, 'revisions never come twice');
  assert.equal((await registry.request('/health/ready')).status, 200);
  assert.deepEqual(await operator.setLive({ changes: { users: { live: null } }, expect: 1 }), { set: true, epoch: 2 });
});

test('an instance that answers is back at once, without a renewal', async (t) => {
  const registry = await RegistryProcess.start(t, { RECOVERY_TIMEOUT_MS: '600000' });
  const instance = await answeringInstance(t, 'u-1');
  await withLiveUsers(registry, instance.port, '/health/ready');
  // A clean stop notes the instances as well; the kill that follows has nothing to add.
  await registry.kill('SIGTERM');
  await registry.start();
  await registry.kill('SIGKILL');
  await registry.start();
  const deadline = AbortSignal.timeout(5_000);
  for (;;) {
    const table = await registry.anybody.readTable().catch((error: unknown) => {
      if (!isRecovering(error)) throw error;
      return null;
    });
    if (table !== null) {
      assert.equal(table.services['users']?.deployments['users-7']?.instances[0]?.id, 'u-1');
      break;
    }
    deadline.throwIfAborted();
  }
  assert.equal(await registry.operator.renew('u-1'), 'renewed');
});

for (const damage of ['truncated', 'garbage'] as const) {
  test(`a state file that is ${damage} loses nothing`, async (t) => {
    const registry = await RegistryProcess.start(t);
    await withLiveUsers(registry);
    await registry.kill('SIGKILL');
    const file = path.join(registry.stateFolder, 'live.json');
    if (damage === 'truncated') await truncate(file, Math.floor((await readFile(file)).length / 2));
    else await writeFile(file, '\0garbage');
    await registry.start();
    assert.match(registry.log, /a copy of the state is damaged/);
    await registry.operator.register('u-1', { service: 'users', deployment: 'users-7', port: 9 });
    const table = await registry.anybody.readTable();
    assert.deepEqual([table.epoch, table.services['users']?.live], [1, 'users-7']);
  });
}

test('with both copies damaged it does not start, and says what to do', async (t) => {
  const registry = await RegistryProcess.start(t);
  await withLiveUsers(registry);
  await registry.kill('SIGKILL');
  for (const name of ['live.json', 'live.copy.json']) await truncate(path.join(registry.stateFolder, name), 20);
  await assert.rejects(registry.start(), /exited with 1: .*cannot start: the registry's state in .* cannot be read/s);
});

test('a taken port and a wrong environment are named', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { port } = registry;
  const second = await RegistryProcess.start(t, {}).then(async (other) => {
    await other.kill('SIGKILL');
    return other;
  });
  Object.assign(second, { port });
  await assert.rejects(second.start(), /port taken: 127\.0\.0\.1:\d+ is already in use/);
  await assert.rejects(
    RegistryProcess.start(t, { LOG_LEVEL: 'loud', MAX_INSTANCES: 'many' }),
    /exited with 2: The environment has 2 faults:\n {2}LOG_LEVEL is "loud".*\n {2}MAX_INSTANCES is "many"/,
  );
});
