/** The registry without its HTTP: registering, going live, being removed, and coming back after a restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { registration } from '@switchyard/contracts/registry';
import type { RegistrationInput } from '@switchyard/contracts/registry';
import { isRefusal, RefusedRequest } from '@switchyard/kit/errors';
import type { Caller } from './caller.ts';
import type { ProbeOutcome } from './leases/probe.ts';
import type { NotedInstance } from './live/checkpoint.ts';
import { emptyState } from './live/live-state.ts';
import type { LiveState } from './live/live-state.ts';
import type { Registry } from './registry.ts';
import { anybody, operator, setUp } from './testing/registry-in-memory.ts';

const stranger: Caller = { kind: 'nobody', isLocal: false };
const service = (name: string): Caller => ({ kind: 'service', name, isLocal: true });

const blog = (deployment?: string): RegistrationInput => ({
  service: 'blog',
  port: 4000,
  leaseMs: 1_000,
  ...(deployment === undefined ? {} : { deployment }),
});

const saved = (live: Record<string, string>, declared: string[] = []): LiveState => ({
  ...emptyState,
  epoch: 9,
  revisionCeiling: 5_000_000,
  declared: Object.fromEntries(declared.map((name) => [name, { routes: [] }])),
  live: Object.fromEntries(Object.entries(live).map(([name, id]) => [name, { live: id, standby: null, split: null }])),
});
const codeOf = (registry: Registry, what: 'table' | 'watchers') => registry.refusalToRead(what)?.error.code;

test('a service that no yard file declares goes live with its first instance, in an epoch that is saved', async () => {
  const { register, read, disk } = await setUp();
  assert.equal(await register('b-1', blog()), 'registered');
  assert.equal(read().services['blog']?.live, 'blog-1');
  assert.equal(read().services['blog']?.declared, false);
  assert.deepEqual([read().epoch, disk.state.epoch], [1, 1]);
});

test('a second deployment of it takes its place when the first has no instance left, and the service ends with its last', async () => {
  const { register, registry, read, clock, disk } = await setUp();
  await register('b-1', blog('blog-1'));
  await register('b-2', blog('blog-2'));
  assert.equal(read().services['blog']?.live, 'blog-1');
  await registry.deregister('b-1', anybody);
  assert.equal(read().services['blog']?.live, 'blog-2');
  await clock.advance(2_000);
  assert.deepEqual(read().services, {});
  assert.deepEqual(disk.state.live, {});
});

test('two first instances that come at once make one deployment live, the earlier one’s', async () => {
  const { register, read } = await setUp();
  await Promise.all([
    register('b-2', blog('blog-2')),
    register('b-1', blog('blog-1')),
    register('b-3', blog('blog-2')),
  ]);
  assert.equal(read().services['blog']?.live, 'blog-2');
  assert.equal(read().epoch, 1);
  assert.equal(Object.keys(read().services['blog']?.deployments ?? {}).length, 2);
});

test('an instance that is not UP makes nothing live', async () => {
  const { register, read } = await setUp();
  await register('b-1', { ...blog(), status: 'STARTING' });
  assert.equal(read().services['blog']?.live, null);
  await register('b-1', blog());
  assert.equal(read().services['blog']?.live, 'blog-1');
});

test('what cannot be saved does not happen: the registration is refused, the table as it was', async () => {
  const { register, read, disk } = await setUp();
  disk.isFull = true;
  await assert.rejects(register('b-1', blog()), RefusedRequest);
  assert.deepEqual(read().services, {});
  assert.equal(read().epoch, 0);
  disk.isFull = false;
  assert.equal(await register('b-1', blog()), 'registered');
});

test('a service that could not be forgotten for a full disk is forgotten later', async () => {
  const { register, read, disk, clock, registry } = await setUp();
  await register('b-1', blog());
  disk.isFull = true;
  await registry.deregister('b-1', anybody);
  assert.deepEqual(Object.keys(read().services), ['blog']);
  disk.isFull = false;
  await clock.advance(5_000);
  assert.deepEqual(read().services, {});
});

test('with a full disk it starts all the same, and tells what is live as it was saved', async () => {
  const { registry, register, read, disk } = await setUp({
    state: saved({ users: 'users-7' }, ['users']),
    isDiskFull: true,
  });
  assert.equal(await register('u-1', { service: 'users', deployment: 'users-7', port: 1 }, operator), 'registered');
  assert.equal(codeOf(registry, 'table'), undefined);
  assert.deepEqual([read().epoch, read().services['users']?.live], [9, 'users-7']);
  disk.isFull = false;
  assert.equal(await register('b-1', blog()), 'registered');
});

test('declared names and routes are not to be taken', async () => {
  const { register, declare } = await setUp();
  await declare({ users: { routes: ['/api/users'] } });
  assert.equal(await register('e-1', { service: 'users', port: 1 }), 'REGISTRY_NAME_DECLARED');
  assert.equal(await register('e-1', { service: 'evil', port: 1, routes: ['/api/users'] }), 'REGISTRY_ROUTE_TAKEN');
  assert.equal(await register('e-1', { service: 'evil', port: 1, routes: ['/api/users/me'] }), 'REGISTRY_ROUTE_TAKEN');
  assert.equal(await register('u-1', { service: 'users', port: 1 }, service('feeds')), 'REGISTRY_TOKEN_REFUSED');
  assert.equal(await register('u-1', { service: 'users', port: 1 }, service('users')), 'registered');
  assert.equal(await register('u-2', { service: 'users', port: 1 }, operator), 'registered');
  assert.equal(await register('u-1', { service: 'evil', port: 1 }), 'REGISTRY_INSTANCE_OF_ANOTHER_SERVICE');
});

test('who may not register an instance of a declared service may neither renew nor remove one', async () => {
  const { register, declare, registry } = await setUp();
  await declare({ users: {} });
  await register('u-1', { service: 'users', port: 1 }, service('users'));
  for (const caller of [anybody, stranger, service('feeds')]) {
    assert.ok(isRefusal(registry.renew('u-1', caller)));
    assert.ok(isRefusal(await registry.deregister('u-1', caller)));
  }
  assert.ok(!isRefusal(registry.renew('u-1', service('users'))));
  assert.equal(await registry.deregister('u-1', operator), null);
});

test('from another machine, nobody writes without a token', async () => {
  const { register } = await setUp();
  assert.equal(await register('b-1', blog(), stranger), 'REQUEST_NOT_A_SERVICE');
  assert.equal(await register('b-1', blog(), { kind: 'service', name: 'blog', isLocal: false }), 'registered');
  assert.equal(
    await register('c-1', { service: 'other', port: 1 }, { kind: 'service', name: 'blog', isLocal: false }),
    'REGISTRY_TOKEN_REFUSED',
  );
});

test('a declaration makes room: who had the name or the route before goes', async () => {
  const { register, declare, read, clock } = await setUp();
  await register('x-1', { service: 'users', port: 1 });
  await register('y-1', { service: 'evil', port: 1, routes: ['/api/users/me'] });
  await register('z-1', { service: 'good', port: 1, routes: ['/good'] });
  await declare({ users: { routes: ['/api/users'] }, front: { routes: ['/'] } });
  await clock.advance(0);
  const { services } = read();
  assert.deepEqual(Object.keys(services).sort(), ['front', 'good', 'users']);
  assert.deepEqual([services['users']?.live, services['users']?.deployments], [null, {}]);
  assert.equal(services['good']?.live, 'good-1');
});

test('a declared service does not go live by itself, but by compare-and-set', async () => {
  const { register, declare, setLive, read } = await setUp();
  await declare({ users: {} });
  assert.equal(await setLive({ users: { live: 'users-7' } }, 0), 'REGISTRY_DEPLOYMENT_EMPTY');
  await register('u-1', { service: 'users', deployment: 'users-7', port: 1 }, operator);
  assert.equal(read().services['users']?.live, null);
  assert.equal(await setLive({ users: { live: 'users-7' } }, 1), 'REGISTRY_EPOCH_MOVED');
  assert.equal(await setLive({ users: { live: 'users-7' } }, 0), 1);
  assert.equal(await setLive({ users: { live: null } }, 1), 2);
});

test('of fifty swaps decided by the same epoch, one wins', async () => {
  const { register, declare, setLive, disk } = await setUp();
  await declare({ users: {} });
  for (let index = 0; index < 50; index += 1)
    await register(`u-${index}`, { service: 'users', deployment: `users-${index}`, port: 1 }, operator);
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, index) => setLive({ users: { live: `users-${index}` } }, 0)),
  );
  assert.deepEqual([results.filter((result) => result === 1).length, disk.state.epoch], [1, 1]);
  assert.equal(results.filter((result) => result === 'REGISTRY_EPOCH_MOVED').length, 49);
});

test('addresses where no instance may be are refused, also as an endpoint', async () => {
  const { register } = await setUp();
  for (const input of [
    { service: 'x', port: 1, host: '169.254.169.254' },
    { service: 'x', port: 1, host: 'example.com' },
    { service: 'x', port: 1, endpoints: { tcp: { port: 1, host: '169.254.1.1' } } },
  ])
    assert.equal(await register('x-1', input), 'REGISTRY_ADDRESS_NOT_ALLOWED');
});

test('there are no more instances and services than allowed; those that are there go on', async () => {
  const { register } = await setUp({}, { maxInstances: 3, maxServices: 2 });
  await register('a-1', { service: 'a', port: 1 });
  await register('b-1', { service: 'b', port: 1 });
  assert.equal(await register('c-1', { service: 'c', port: 1 }), 'REGISTRY_FULL');
  await register('b-2', { service: 'b', port: 1 });
  assert.equal(await register('b-3', { service: 'b', port: 1 }), 'REGISTRY_FULL');
  assert.equal(await register('b-2', { service: 'b', port: 2 }), 'renewed');
});

// After a restart

const noted = (id: string, input: RegistrationInput): NotedInstance => ({
  id,
  registration: registration.parse(input),
});
const users = noted('u-1', { service: 'users', deployment: 'users-7', port: 3010, leaseMs: 6_000 });
test('nothing was live: there is nothing to recover', async () => {
  const { registry } = await setUp({ state: saved({}, ['users']) });
  assert.equal(codeOf(registry, 'table'), undefined);
  assert.equal(codeOf(registry, 'watchers'), undefined);
});

test('after a restart the table is not told before what was live is back, and then with its epoch and a higher revision', async () => {
  const { registry, register, read } = await setUp({ state: saved({ users: 'users-7' }, ['users']) });
  assert.equal(codeOf(registry, 'table'), 'REGISTRY_RECOVERING');
  assert.equal(await register('u-1', { service: 'users', deployment: 'users-7', port: 1 }, operator), 'registered');
  assert.equal(codeOf(registry, 'table'), undefined);
  assert.deepEqual([read().epoch, read().services['users']?.live], [9, 'users-7']);
  assert.ok(read().revision > 5_000_000);
});

test('instances that were noted are asked, and are back without having done anything', async () => {
  const { registry, read, clock } = await setUp({
    state: saved({ users: 'users-7' }, ['users']),
    noted: [users],
    answers: { 'u-1': 'well' },
  });
  await clock.advance(0);
  assert.equal(codeOf(registry, 'table'), undefined);
  assert.equal(read().services['users']?.deployments['users-7']?.instances[0]?.id, 'u-1');
  await clock.advance(60_000);
  assert.equal(registry.table.instanceCount, 1, 'it lives by its probes');
  assert.ok(!isRefusal(registry.renew('u-1', service('users'))), 'and may renew as before');
});

test('what does not come back is waited for until the time is out', async () => {
  const { registry, read, clock } = await setUp({ state: saved({ users: 'users-7' }, ['users']), noted: [users] });
  await clock.advance(7_999);
  assert.equal(codeOf(registry, 'table'), 'REGISTRY_RECOVERING');
  await clock.advance(1);
  assert.equal(codeOf(registry, 'table'), undefined);
  assert.deepEqual([read().epoch, read().services['users']?.live], [9, 'users-7']);
});

test('a live deployment that had no instance before the restart is not waited for', async () => {
  const { registry } = await setUp({ state: saved({ users: 'users-7' }, ['users']), noted: [] });
  assert.equal(codeOf(registry, 'table'), undefined);
});

test('after a restart, watchers are not told before each of them had the time to come back', async () => {
  const { registry, register, clock } = await setUp({ state: saved({ users: 'users-7' }, ['users']) });
  await register('u-1', { service: 'users', deployment: 'users-7', port: 1 }, operator);
  assert.equal(codeOf(registry, 'watchers'), 'REGISTRY_RECOVERING');
  await clock.advance(2_500);
  assert.equal(codeOf(registry, 'watchers'), undefined);
});

test('watchers that are known by name are told of as soon as all of them are back', async () => {
  const { registry, register } = await setUp({
    state: saved({ users: 'users-7' }, ['users']),
    notedWatchers: ['gw-1', 'feeds-1'],
  });
  await register('u-1', { service: 'users', deployment: 'users-7', port: 1 }, operator);
  registry.welcome('gw-1', 'gateway');
  assert.equal(codeOf(registry, 'watchers'), 'REGISTRY_RECOVERING');
  registry.welcome('feeds-1', 'client');
  assert.equal(codeOf(registry, 'watchers'), undefined);
});

test('an undeclared service waits for the deployment that was live; another becomes live only when that stays away', async () => {
  const { register, read, clock } = await setUp({ state: saved({ blog: 'blog-1' }) });
  await register('b-2', { ...blog('blog-2'), leaseMs: 60_000 });
  assert.equal(read().services['blog']?.live, 'blog-1');
  await clock.advance(8_000);
  assert.equal(read().services['blog']?.live, 'blog-2');
});

test('while recovering, a swap to a deployment whose instances are on their way is told to try again', async () => {
  const { setLive, register } = await setUp({
    state: saved({ users: 'users-7', feeds: 'feeds-1' }, ['users', 'feeds']),
  });
  assert.equal(await setLive({ users: { live: 'users-8' } }, 9), 'REGISTRY_RECOVERING');
  await register('u-8', { service: 'users', deployment: 'users-8', port: 1 }, operator);
  assert.equal(await setLive({ users: { live: 'users-8' } }, 9), 10);
});

test('an instance that was removed while it was asked does not come back by its answer', async () => {
  const answer = Promise.withResolvers<ProbeOutcome>();
  const { registry, clock } = await setUp({
    state: saved({ users: 'users-7' }, ['users']),
    noted: [users],
    answers: { 'u-1': answer.promise },
  });
  assert.equal(await registry.deregister('u-1', service('users')), null);
  answer.resolve('well');
  await clock.advance(100);
  assert.equal(registry.table.instanceCount, 0);
});
