/** Several who want to change the same at once: one wins, the others are told who has it, and a lock whose holder is gone frees itself. */
import assert from 'node:assert/strict';
import { constants, setPriority } from 'node:os';
import { after, afterEach, before, test } from 'node:test';
import { ProbeYard } from './traffic/probe-yard.ts';
import { startTraffic } from './traffic/traffic.ts';
import type { Traffic } from './traffic/traffic.ts';
import { eventually } from './yard-under-test.ts';
import { ask, begin, callRegistry, ends, liveOf, nothingIsLeft, settle, tableOf } from './swaps/asked-swap.ts';

const AT_ONCE = 50;
const HELD = /holds the lock of probe|another swap of probe was under way/;

let yard: ProbeYard;
let traffic: Traffic;

before(async () => {
  yard = await ProbeYard.create({ probes: { probe: 'node', snake: 'python' }, more: { bake: '1s', stopGrace: '1s' } });
  await yard.up();
  traffic = startTraffic({ origin: yard.origin, prefix: '/probe', streams: 2, sockets: 2 });
});
afterEach(() => settle(yard));
after(async () => {
  await traffic.stop();
  await yard.remove();
});

let seen = 0;

/** No request has failed since this was asked the last time. */
function assertUnnoticed(): void {
  const fresh = traffic.failures().slice(seen);
  seen += fresh.length;
  assert.deepEqual(fresh, []);
}

test('of fifty swaps of a service that are started at once, one wins', { timeout: 240_000 }, async () => {
  const before = await tableOf(yard);
  const begun = Array.from({ length: AT_ONCE }, () => begin(yard, 'swap', 'probe'));
  // A hundred processes that start at once leave nothing of a small machine to those who serve: these stand back.
  for (const { pid } of begun) setPriority(pid, constants.priority.PRIORITY_LOW);
  const all = await Promise.all(begun.map(({ ended }) => ended));
  const winners = all.filter(({ code }) => code === 0);
  const losers = all.filter(({ code }) => code === 5);
  const others = all.filter(({ code }) => code !== 0 && code !== 5);
  assert.deepEqual(
    others.map(({ code, output }) => `${code} ${output.slice(-500)}`),
    [],
  );
  assert.deepEqual([winners.length, losers.length], [1, AT_ONCE - 1]);
  for (const { output } of losers) assert.match(output, HELD);
  const table = await tableOf(yard);
  assert.equal(table.services['probe']!.live, winners[0]!.report!.services['probe']!.to);
  // One commit, and one for the standby that has gone.
  assert.ok(table.epoch - before.epoch <= 2, `epoch ${before.epoch} to ${table.epoch}`);
  const history = (await yard.yard('history', '--json', 'probe')).stdout.trim().split('\n');
  assert.equal(history.length, 1, history.join('\n'));
  await nothingIsLeft(yard);
  assertUnnoticed();
});

test('restart, stop and another swap are refused while a swap goes on', { timeout: 60_000 }, async () => {
  const swap = begin(yard, 'swap', 'probe', '--bake', '5s');
  await swap.stage('drained');
  for (const command of ['restart', 'stop']) {
    const { code, stdout, stderr } = await yard.yard(command, 'probe');
    assert.equal(code, 5, stdout + stderr);
    assert.match(stdout + stderr, /the swap to probe-\d+ \(in its bake\) holds the lock of probe, since 20/);
  }
  assert.match((await ends(5, yard, 'swap', 'probe')).output, HELD);
  const { code, report, output } = await swap.ended;
  assert.equal(code, 0, output);
  assert.equal(await liveOf(yard), report!.services['probe']!.to);
  assertUnnoticed();
});

test('two services are swapped at the same time', { timeout: 60_000 }, async () => {
  const services = ['probe', 'snake'];
  const both = await Promise.all(services.map((service) => ask(yard, 'swap', service)));
  for (const [index, service] of services.entries()) {
    assert.equal(both[index]!.code, 0, both[index]!.output);
    assert.equal(await liveOf(yard, service), both[index]!.report!.services[service]!.to);
  }
  await nothingIsLeft(yard);
  assertUnnoticed();
});

test('the lock of a holder that is gone frees itself', { timeout: 60_000 }, async () => {
  const live = await liveOf(yard);
  const lock = { holder: 'who-has-died', ttlMs: 2_000 };
  assert.equal((await callRegistry(yard, 'POST', '/v1/services/probe/lock', lock)).status, 200);
  const { output } = await ends(5, yard, 'swap', 'probe');
  assert.match(output, /who-has-died holds the lock of probe; it lapses in \d s if its holder is gone/);
  assert.equal(await liveOf(yard), live);
  const won = await eventually('the lock lapses', async () => {
    const next = await ask(yard, 'swap', 'probe', '--bake', '0s');
    return next.code === 5 ? null : next;
  });
  assert.equal(won.code, 0, won.output);
  assert.notEqual(await liveOf(yard), live);
  await nothingIsLeft(yard);
  assertUnnoticed();
});

test('who has lost the lock changes nothing any more', { timeout: 60_000 }, async () => {
  const { live } = (await tableOf(yard)).services['probe']!;
  const path = '/v1/services/probe/lock';
  const stale = await callRegistry(yard, 'POST', path, { holder: 'the-slow-one', ttlMs: 1_000 });
  assert.equal(stale.status, 200);
  const next = await eventually('another one has the lock', async () => {
    const taken = await callRegistry(yard, 'POST', path, { holder: 'the-next-one', ttlMs: 30_000 });
    return taken.status === 200 ? taken : null;
  });
  const tokenOf = ({ body }: typeof next) => body['token'] as number;
  assert.ok(tokenOf(next) > tokenOf(stale), JSON.stringify([stale, next]));
  const { epoch } = await tableOf(yard);
  const change = (token: number) =>
    callRegistry(yard, 'POST', '/v1/live', {
      changes: { probe: { live: 'probe-999', standby: null, split: null } },
      expect: epoch,
      locks: { probe: token },
    });
  for (const token of [tokenOf(stale), 0, tokenOf(next) + 1]) {
    const refused = await change(token);
    assert.equal(refused.status, 409, JSON.stringify(refused.body));
    assert.match(JSON.stringify(refused.body), /lock/i);
  }
  const after = await tableOf(yard);
  assert.deepEqual([after.epoch, after.services['probe']!.live], [epoch, live]);
  assert.equal((await callRegistry(yard, 'DELETE', path, { holder: 'the-next-one' })).status, 204);
  await nothingIsLeft(yard);
  assertUnnoticed();
  const result = await traffic.stop();
  assert.ok((await result.verify()).isGood);
});
