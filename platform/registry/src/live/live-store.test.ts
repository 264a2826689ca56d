/** Changes of the live state: saved before they show, and not at all when they cannot be saved. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isRefusal, refuse, RefusedRequest } from '@switchyard/kit/errors';
import { createLogger } from '@switchyard/kit/log';
import { registryErrors } from '../errors.ts';
import { emptyState, firstRevision, REVISION_BLOCK, withLive } from './live-state.ts';
import type { LiveState } from './live-state.ts';
import { LiveStore } from './live-store.ts';

/** A disk that is asked by hand. */
function setUp() {
  const saves: { state: LiveState; done: () => void; fail: (error: Error) => void }[] = [];
  const shown: LiveState[] = [];
  const store = new LiveStore({
    state: emptyState,
    saver: { save: (state) => new Promise((done, fail) => saves.push({ state, done, fail })) },
    revision: () => 7,
    onSaved: (state) => shown.push(state),
    log: createLogger({ service: 'test', level: 'silent' }),
  });
  return { store, saves, shown };
}
const live = (service: string) => (state: LiveState) =>
  withLive(state, { [service]: { live: `${service}-1`, standby: null, split: null } });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a change shows only once it is saved, and is answered after that', async () => {
  const { store, saves, shown } = setUp();
  let isAnswered = false;
  const answer = store.change(live('users')).then(() => (isAnswered = true));
  await turn();
  assert.deepEqual([shown.length, isAnswered, store.state.epoch], [0, false, 0]);
  saves[0]!.done();
  await answer;
  assert.deepEqual([shown.length, store.state.epoch, store.state.sequence], [1, 1, 1]);
});

test('changes that wait for the disk are saved together, each deciding by those before it', async () => {
  const { store, saves } = setUp();
  const first = store.change(live('a'));
  const order: string[] = [];
  const others = ['b', 'c'].map((name) => store.change(live(name), () => order.push(name)));
  const refused = store.change((state) => refuse(registryErrors.EPOCH_MOVED, { detail: String(state.epoch) }));
  saves[0]!.done();
  await first;
  await turn();
  saves[1]!.done();
  await Promise.all(others);
  assert.equal(saves.length, 2);
  assert.equal(store.state.epoch, 3);
  assert.deepEqual(Object.keys(store.state.live), ['a', 'b', 'c']);
  assert.deepEqual(order, ['b', 'c']);
  const refusal = await refused;
  assert.equal(isRefusal(refusal) ? refusal.detail : '', '3');
});

test('a full disk refuses the change, changes nothing, and the next one is tried anew', async () => {
  const { store, saves, shown } = setUp();
  const failed = store.change(live('users'), () => assert.fail('it was not saved'));
  saves[0]!.fail(Object.assign(new Error('full'), { code: 'ENOSPC' }));
  await assert.rejects(
    failed,
    (error) => error instanceof RefusedRequest && error.refusal.error === registryErrors.NOT_SAVED,
  );
  assert.deepEqual([store.state, shown.length, store.failedSaves], [emptyState, 0, 1]);
  const next = store.change(live('users'));
  saves[1]!.done();
  await next;
  assert.equal(store.state.epoch, 1);
});

test('a decision that changes nothing is not saved', async () => {
  const { store, saves } = setUp();
  assert.equal(await store.change((state) => state), emptyState);
  assert.equal(saves.length, 0);
});

test('a revision is never given out twice, neither after a restart nor when the state was lost', async () => {
  const { store, saves } = setUp();
  const change = store.change(live('users'));
  saves[0]!.done();
  await change;
  assert.equal(store.state.revisionCeiling, 7 + REVISION_BLOCK);
  assert.equal(firstRevision(store.state, 0), 7 + REVISION_BLOCK);
  assert.equal(firstRevision(emptyState, 1_790_000_000_000.5), 1_790_000_000_000);
});
