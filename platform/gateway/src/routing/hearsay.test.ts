/** What another worker has found out about a service that fails is believed, told no further, and forgotten by own evidence alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import { serviceOf } from '../testing/test-service.ts';
import type { Trouble } from './deployment.ts';

const { minRequests, pauseMs } = DEFAULT_SETTINGS.breaker;

function started(instances: number) {
  const told: Trouble[] = [];
  const { service, clock } = serviceOf(instances, { tellOthers: (trouble) => told.push(trouble) });
  return { told, clock, deployment: service.live!, breaker: service.live!.breaker };
}

test('a breaker that opens by its own evidence is told of, once', () => {
  const { told, breaker } = started(1);
  for (let nth = 0; nth < minRequests; nth += 1) {
    breaker.admit(0);
    breaker.settle(true, 0);
  }
  assert.equal(breaker.state.name, 'open');
  assert.deepEqual(told, [{ service: 'x', deployment: 'x-1', instance: null }]);
});

test('a breaker opens by hearsay, tells nobody, and closes by its own probes', () => {
  const { told, deployment, breaker } = started(1);
  deployment.hear(null);
  assert.equal(breaker.state.name, 'open');
  assert.ok(breaker.admit(0) > 0);
  for (let probe = 0; probe < 3; probe += 1) {
    assert.equal(breaker.admit(pauseMs), 0);
    breaker.settle(false, pauseMs);
  }
  assert.equal(breaker.state.name, 'closed');
  assert.deepEqual(told, []);
});

test('hearsay does not put off the pause of a breaker that is open', () => {
  const { deployment, breaker, clock } = started(1);
  deployment.hear(null);
  clock.nowMs = pauseMs - 1;
  deployment.hear(null);
  assert.equal(breaker.admit(pauseMs), 0);
});

test('a probe that fails is told of', () => {
  const { told, deployment, breaker } = started(1);
  deployment.hear(null);
  breaker.admit(pauseMs);
  breaker.settle(true, pauseMs);
  assert.equal(breaker.state.name, 'open');
  assert.equal(told.length, 1);
});

test('an instance that is ejected is told of; heard of elsewhere, it is left out and told no further', () => {
  const here = started(3);
  const [instance] = here.deployment.up;
  here.deployment.tell(instance!, 'refused');
  assert.deepEqual(here.told, [{ service: 'x', deployment: 'x-1', instance: instance!.id }]);
  const there = started(3);
  there.deployment.hear(instance!.id);
  assert.deepEqual(
    there.deployment.rotation.map(({ id }) => id),
    here.deployment.rotation.map(({ id }) => id),
  );
  assert.equal(there.deployment.rotation.length, 2);
  assert.deepEqual(there.told, []);
});

test('the last instance is neither ejected by hearsay nor told of', () => {
  const { told, deployment } = started(1);
  deployment.hear(deployment.up[0]!.id);
  deployment.tell(deployment.up[0]!, 'refused');
  assert.equal(deployment.rotation.length, 1);
  assert.deepEqual(told, []);
});

test('what is said of instances that are not there is no matter', () => {
  const { deployment } = started(2);
  deployment.hear('unknown');
  assert.equal(deployment.rotation.length, 2);
});
