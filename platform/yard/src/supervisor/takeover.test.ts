/** What becomes of instances that outlived their supervisor. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { InstanceRecord } from '../runtime/runtime.ts';
import { decideTakeover } from './takeover.ts';
import type { TakeoverPart } from './takeover.ts';

const record = (id: string, labels: Readonly<Record<string, string>> = {}): InstanceRecord => {
  const [deployment = '', place = ''] = id.split('.');
  return {
    id,
    service: deployment.replace(/-[0-9]+$/, ''),
    deployment,
    ports: { http: 1 },
    logFile: '',
    labels: { role: 'instance', place, ...labels },
    startedAt: '',
    handle: '1',
  };
};

function decide(
  ids: readonly (string | InstanceRecord)[],
  part: Partial<TakeoverPart>,
  deployments: readonly string[],
) {
  const releases = new Map(deployments.map((deployment) => [deployment, { deployment, entry: { instances: 2 } }]));
  const survivors = ids.map((id) => (typeof id === 'string' ? record(id) : id));
  const taken = decideTakeover(
    survivors,
    [{ name: 'users', live: null, swapping: [], entry: null, ...part }],
    releases,
  );
  const users = taken.adopted.get('users');
  return [
    users?.main?.release.deployment,
    [...(users?.main?.records ?? []), ...(users?.beside ?? []).flatMap(({ records }) => records)].map(({ id }) => id),
    taken.strays.map(({ id }) => id),
  ];
}

it('the live deployment goes on; a candidate beside it is a stray', () => {
  assert.deepEqual(decide(['users-2.1.a', 'users-3.1.b'], { live: 'users-2' }, ['users-2', 'users-3']), [
    'users-2',
    ['users-2.1.a'],
    ['users-3.1.b'],
  ]);
});

it('both deployments of an unfinished swap go on, whichever is live', () => {
  const swapping = ['users-2', 'users-3'];
  const both = ['users-2.1.a', 'users-3.1.b'];
  assert.deepEqual(decide(both, { live: 'users-2', swapping }, swapping), ['users-2', both, []]);
  assert.deepEqual(decide(both, { live: 'users-3', swapping }, swapping), ['users-3', both.toReversed(), []]);
});

it('what a swap has made live goes on from its release when nothing of it runs any more', () => {
  const swapping = ['users-2', 'users-3'];
  assert.deepEqual(decide(['users-2.1.a'], { live: 'users-3', swapping }, swapping), ['users-3', ['users-2.1.a'], []]);
  assert.deepEqual(decide([], { live: 'users-3', swapping }, swapping), ['users-3', [], []]);
});

it('one that only tries to take a place is never gone on with, not even alone', () => {
  const candidate = record('users-3.1.b', { role: 'candidate' });
  const both = ['users-2', 'users-3'];
  assert.deepEqual(decide(['users-2.1.a', candidate], {}, both), ['users-2', ['users-2.1.a'], ['users-3.1.b']]);
  assert.deepEqual(decide([candidate], { live: 'users-3' }, both), [undefined, [], ['users-3.1.b']]);
});

it('without a live one the newest goes on', () => {
  assert.deepEqual(decide(['users-9.1.a', 'users-10.1.b'], {}, ['users-9', 'users-10']), [
    'users-10',
    ['users-10.1.b'],
    ['users-9.1.a'],
  ]);
});

it('each place is filled once, and only as many as the release has', () => {
  assert.deepEqual(decide(['users-1.1.a', 'users-1.1.b', 'users-1.2.c', 'users-1.3.d'], {}, ['users-1']), [
    'users-1',
    ['users-1.1.a', 'users-1.2.c'],
    ['users-1.1.b', 'users-1.3.d'],
  ]);
});

it('what has no release, is of no declared service, or is a build, is a stray', () => {
  assert.deepEqual(decide(['users-1.1.a'], { live: 'users-1' }, []), [undefined, [], ['users-1.1.a']]);
  assert.deepEqual(decide(['gone-1.1.a'], {}, ['gone-1']), [undefined, [], ['gone-1.1.a']]);
  const build = record('users-1.1.a', { role: 'build' });
  assert.deepEqual(decide([build], {}, ['users-1']), [undefined, [], ['users-1.1.a']]);
});

it('a gateway that was started with other settings than the file has now does not go on', () => {
  const old = record('users-1.1.a', { entry: 'old' });
  assert.deepEqual(decide([old], { entry: 'new' }, ['users-1']), [undefined, [], ['users-1.1.a']]);
  assert.deepEqual(decide([old], { entry: 'old' }, ['users-1']), ['users-1', ['users-1.1.a'], []]);
});
