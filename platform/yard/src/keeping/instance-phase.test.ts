/** The life of a place for an instance. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { nextPhase, serviceState } from './instance-phase.ts';
import type { Phase, Signal } from './instance-phase.ts';

const after = (...signals: readonly Signal[]): Phase => signals.reduce<Phase>(nextPhase, 'stopped');

it('a start goes from its release over what it waits for to ready', () => {
  assert.equal(after('wait', 'prepare', 'prepare', 'wait', 'start', 'well'), 'ready');
});

it('whatever fails, wherever, is followed by a pause and another start', () => {
  for (const way of [['wait'], ['wait', 'prepare'], ['wait', 'start'], ['wait', 'start', 'well']] as const) {
    assert.equal(after(...way, 'failed'), 'pausing');
    assert.equal(after(...way, 'failed', 'start', 'well'), 'ready');
  }
});

it('it can be stopped at every moment, and started again', () => {
  for (const way of [[], ['wait'], ['prepare'], ['start'], ['start', 'well'], ['start', 'failed']] as const) {
    assert.equal(after(...way, 'stop', 'ended'), 'stopped');
    assert.equal(after(...way, 'stop', 'ended', 'wait', 'start'), 'starting');
  }
});

it('an instance that is ready cannot become well again', () => {
  assert.throws(() => after('start', 'well', 'well'), /well means nothing to an instance that is ready/);
});

it('a service is ready as soon as one of its instances is', () => {
  assert.equal(serviceState(['pausing', 'ready', 'starting']), 'ready');
  assert.equal(serviceState(['pausing', 'starting']), 'starting');
  assert.equal(serviceState(['stopped', 'stopped']), 'stopped');
  assert.equal(serviceState([]), 'stopped');
});
