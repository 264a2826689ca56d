/** The breaker opens on many failures and on nothing less, and closes again by successes alone. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import { seededRandom } from '../testing/test-service.ts';
import { Breaker } from './breaker.ts';

const SETTINGS = DEFAULT_SETTINGS.breaker;
const VOLUME_MIN = SETTINGS.minRequests;

function settle(breaker: Breaker, outcomes: readonly boolean[], nowMs: number): void {
  for (const failed of outcomes) {
    assert.equal(breaker.admit(nowMs), 0);
    breaker.settle(failed, nowMs);
  }
}
const times = (count: number, failed: boolean): boolean[] => Array<boolean>(count).fill(failed);

function openedAt(nowMs: number): Breaker {
  const breaker = new Breaker(SETTINGS);
  settle(breaker, times(VOLUME_MIN, true), nowMs);
  assert.equal(breaker.state.name, 'open');
  return breaker;
}

test('a quiet service is not judged by a few failures', () => {
  const breaker = new Breaker(SETTINGS);
  settle(breaker, times(VOLUME_MIN - 1, true), 0);
  assert.equal(breaker.state.name, 'closed');
});

test('half of many failing opens it, less does not', () => {
  const breaker = new Breaker(SETTINGS);
  settle(breaker, [...times(60, false), ...times(59, true)], 0);
  assert.equal(breaker.state.name, 'closed');
  settle(breaker, times(1, true), 0);
  assert.equal(breaker.state.name, 'open');
});

test('failures of long ago count no more', () => {
  const breaker = new Breaker(SETTINGS);
  settle(breaker, times(VOLUME_MIN - 1, true), 0);
  settle(breaker, times(1, true), 11_000);
  assert.equal(breaker.state.name, 'closed');
  settle(breaker, times(VOLUME_MIN - 2, true), 25_000);
  settle(breaker, times(1, true), 30_000);
  assert.equal(breaker.state.name, 'closed');
});

test('while open it refuses at once and says when to come back', () => {
  const breaker = openedAt(0);
  assert.equal(breaker.admit(0), 1_000);
  assert.equal(breaker.admit(400), 600);
});

test('after the pause it lets a few probes through, and three successes close it', () => {
  const breaker = openedAt(0);
  for (let probe = 0; probe < 3; probe += 1) assert.equal(breaker.admit(1_000), 0);
  assert.ok(breaker.admit(1_000) > 0);
  for (let probe = 0; probe < 3; probe += 1) breaker.settle(false, 1_000);
  assert.equal(breaker.state.name, 'closed');
  assert.equal(breaker.admit(1_000), 0);
});

test('a failed probe opens it again, for no longer than before, however long the outage is', () => {
  const breaker = openedAt(0);
  let nowMs = 0;
  for (let round = 0; round < 100; round += 1) {
    nowMs += breaker.admit(nowMs);
    assert.equal(breaker.admit(nowMs), 0);
    breaker.settle(true, nowMs);
    assert.equal(breaker.admit(nowMs), SETTINGS.pauseMs);
  }
});

test('probes that hang keep no others away for longer than the pause', () => {
  const breaker = openedAt(0);
  for (let probe = 0; probe < 3; probe += 1) assert.equal(breaker.admit(1_000), 0);
  assert.equal(breaker.admit(1_400), 600);
  for (let probe = 0; probe < 3; probe += 1) {
    assert.equal(breaker.admit(2_000), 0);
    breaker.settle(false, 2_000);
  }
  assert.equal(breaker.state.name, 'closed');
});

test('volume, ratio, window and pause are as they are set', () => {
  const breaker = new Breaker({ minRequests: 4, failureRatio: 0.75, windowMs: 1_000, pauseMs: 50 });
  settle(breaker, [true, true, false], 0);
  assert.equal(breaker.state.name, 'closed');
  settle(breaker, [true], 999);
  assert.equal(breaker.state.name, 'open');
  assert.equal(breaker.admit(1_000), 49);
  assert.equal(breaker.admit(1_049), 0);
});

test('a probe whose client went away makes room for another', () => {
  const breaker = openedAt(0);
  for (let probe = 0; probe < 3; probe += 1) breaker.admit(1_000);
  breaker.withdraw();
  assert.equal(breaker.admit(1_000), 0);
});

test('a new instance or deployment is tried at once, and carries no old guilt', () => {
  const breaker = openedAt(0);
  breaker.renew(10);
  assert.equal(breaker.state.name, 'half-open');
  assert.equal(breaker.admit(10), 0);
  const closed = new Breaker(SETTINGS);
  settle(closed, times(VOLUME_MIN - 1, true), 0);
  closed.renew(1);
  settle(closed, times(1, true), 2);
  assert.equal(closed.state.name, 'closed');
});

test('in an outage it does not wait until the successes before it are forgotten', () => {
  let isHopeless = false;
  const breaker = new Breaker(SETTINGS, () => isHopeless);
  settle(breaker, times(5_000, false), 0);
  settle(breaker, times(VOLUME_MIN, true), 1);
  assert.equal(breaker.state.name, 'closed', 'some instance answers');
  isHopeless = true;
  settle(breaker, [false, ...times(VOLUME_MIN - 1, true)], 2);
  assert.equal(breaker.state.name, 'closed');
  settle(breaker, times(1, true), 3);
  assert.equal(breaker.state.name, 'open');
});

test('whatever happened, somebody is let through within the pause, and three successes close it', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = seededRandom(seed);
    const breaker = new Breaker(SETTINGS, () => random() < 0.5);
    let nowMs = 0;
    for (let step = 0; step < 500; step += 1) {
      nowMs += random() * 100;
      const drawn = random();
      if (drawn < 0.5) breaker.admit(nowMs);
      else if (drawn < 0.9) breaker.settle(random() < 0.7, nowMs);
      else if (drawn < 0.98) breaker.withdraw();
      else breaker.renew(nowMs);
      const waitMs = breaker.waitMs(nowMs);
      assert.ok(waitMs >= 0 && waitMs <= SETTINGS.pauseMs);
      assert.equal(breaker.waitMs(nowMs + waitMs), 0);
    }
    for (let nth = 0; nth < 3; nth += 1) {
      nowMs += breaker.waitMs(nowMs);
      assert.equal(breaker.admit(nowMs), 0);
      breaker.settle(false, nowMs);
    }
    assert.equal(breaker.state.name, 'closed');
  }
});

test('that of another worker opens it, for as long as its own failures would, and the news goes no further', () => {
  let told = 0;
  const breaker = new Breaker(SETTINGS, undefined, () => (told += 1));
  breaker.hear(0);
  assert.equal(breaker.admit(0), SETTINGS.pauseMs);
  breaker.hear(900);
  assert.equal(breaker.admit(900), 100, 'not put off by hearing it again');
  assert.equal(told, 0);
  assert.equal(breaker.admit(1_000), 0);
  breaker.settle(true, 1_000);
  assert.equal(told, 1);
});
