/** What must happen when something dies in the middle of a swap: `kill -9` of each part at each stage, under counted load. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import type { TestContext } from 'node:test';
import { WATCHER_LEASE_MS } from '@switchyard/contracts/registry';
import { CrashYard } from './crash-yard.ts';
import type { RunningSwap } from './crash-yard.ts';
import { TablePoll } from './table-poll.ts';
import { nowMs } from './traffic/tally.ts';
import { startTraffic } from './traffic/traffic.ts';
import type { Traffic } from './traffic/traffic.ts';
import { eventually } from './yard-under-test.ts';

const RATE_PER_SECOND = 120;
/** All that an interrupted swap has left is to be finished or undone within this time of `yard resume`. */
const RECOVERY_MS = 5_000;
/** From the death of what was made live to the first answer of the one before: a second, and what a busy machine adds. */
const REVERTED_MS = 3_000;
/** A failure may be noticed so long after its reason has gone. */
const NOTICED_MS = 250;
const ROW_TIMEOUT_MS = 60_000;

let yard: CrashYard;
let poll: TablePoll;
/** Goes on through all rows in which nobody who serves is killed. */
let traffic: Traffic;

/** Every load that was begun, so that none outlives its yard. */
const loads: Traffic[] = [];
function load(): Traffic {
  const begun = startTraffic({
    origin: yard.probes.origin,
    prefix: '/probe',
    ratePerSecond: RATE_PER_SECOND,
    countsFile: yard.probes.countsFile('probe'),
  });
  loads.push(begun);
  return begun;
}
const live = (service = 'probe'): string => poll.table.services[service]!.live!;
const kill = (pid: number): boolean => process.kill(pid, 'SIGKILL');
const pidOfSupervisor = async (): Promise<number> => (await yard.supervisorPid())!;

before(async () => {
  yard = await CrashYard.create(['probe', 'early', 'late'], { bake: '500ms', stopGrace: '2s' });
  await yard.probes.up();
  poll = new TablePoll(yard.probes.registryOrigin);
  traffic = load();
  await answered(50);
});
beforeEach(async () => {
  // What one row left undone is not to be held against the next.
  if ((await yard.supervisorPid()) === null) await yard.probes.yard('resume');
});
after(async () => {
  await Promise.all(loads.map((begun) => begun.stop()));
  await poll?.stop();
  await yard?.probes.remove();
});
afterEach(() => {
  const faults = poll.faults.splice(0);
  poll.mayLackInstances = false;
  assert.deepEqual(faults, [], 'no table is published that nobody could route by, and no epoch goes back');
});

/** So many more requests are answered. */
async function answered(count: number, by = traffic): Promise<void> {
  const { answered: before } = by.counts();
  await eventually(`${count} more answers`, () => Promise.resolve(by.counts().answered >= before + count));
}

/** Nobody supervises: requests are answered all the same, all of them. */
async function goesOnAlone(): Promise<void> {
  const before = traffic.failures().length;
  await answered(RATE_PER_SECOND / 2);
  assert.deepEqual(traffic.failures().slice(before), []);
}

/** `yard resume`: finishes or undoes it in time, leaves nothing, and says in the history what it did. */
async function resume(
  t: TestContext,
  swap: RunningSwap,
  outcome: 'done' | 'aborted' | 'reverted',
  withinMs = RECOVERY_MS,
): Promise<void> {
  const { id, services } = swap.last;
  const expected = outcome === 'done' ? services['probe']!.to : services['probe']!.from;
  const beganMs = nowMs();
  const resuming = yard.probes.yard('resume', '--json');
  await eventually('what was interrupted is over', async () => !(await yard.hasJournals()), 20_000);
  const tookMs = nowMs() - beganMs;
  const { code, stdout, stderr } = await resuming;
  assert.equal(code, 0, stdout + stderr);
  t.diagnostic(`recovered after ${Math.round(tookMs)} ms: ${outcome}, ${expected} live`);
  assert.equal(live(), expected, `${stdout}${stderr}`);
  await nothingIsLeft();
  const report = (await yard.history()).at(-1);
  assert.deepEqual([report?.id, report?.outcome], [id, outcome], report?.reason ?? '');
  assert.ok(tookMs <= withinMs, `it took ${Math.round(tookMs)} ms`);
}

/** One deployment of each service, the live one; no process, no port, no journal beyond it; and the lock can be had. */
async function nothingIsLeft(): Promise<void> {
  let left: string[] = [];
  await eventually('nothing is left over', async () => (left = await yard.leftovers()).length === 0, 8_000).catch(() =>
    assert.deepEqual(left, []),
  );
  const locked = await yard.asOperator('POST', '/v1/services/probe/lock', { holder: 'whoever is next', ttlMs: 1_000 });
  assert.equal(locked.status, 200, await locked.text());
  await yard.asOperator('DELETE', '/v1/services/probe/lock', { holder: 'whoever is next' });
}

async function heldAt(stage: string, ...words: string[]): Promise<RunningSwap> {
  const swap = yard.swap('probe', '--hold-at', stage, ...words);
  await swap.until(({ isHeld }) => isHeld === true);
  return swap;
}

const isRunning = async (deployment: string): Promise<boolean> => (await yard.processesOf('probe')).has(deployment);

const SUPERVISOR_DIES = [
  ...['locked', 'built', 'spawned', 'healthy', 'warm'].map((stage) => ({ stage, outcome: 'aborted' as const })),
  ...['committed', 'acknowledged', 'drained', 'baked'].map((stage) => ({ stage, outcome: 'done' as const })),
];
for (const { stage, outcome } of SUPERVISOR_DIES) {
  test(
    `supervisor killed at ${stage}: nobody notices, and resume ends with ${outcome}`,
    { timeout: ROW_TIMEOUT_MS },
    async (t) => {
      const swap = await heldAt(stage);
      const { from, to } = swap.last.services['probe']!;
      kill(await pidOfSupervisor());
      assert.equal((await swap.ended).code, 1);
      await goesOnAlone();
      assert.ok(await isRunning(from!), 'the one before is never stopped before everybody has left it');
      const processes = (await yard.processesOf('probe')).get((outcome === 'done' ? to : from)!);
      await resume(t, swap, outcome);
      assert.deepEqual(
        (await yard.processesOf('probe')).get(live()),
        processes,
        'it is the process that was live or tested, not another one',
      );
    },
  );
}

test('supervisor killed while it builds: the build is ended, and undone', { timeout: ROW_TIMEOUT_MS }, async (t) => {
  await yard.buildTakes('probe', 60);
  const swap = yard.swap('probe');
  await swap.until(({ stage, detail }) => stage === 'locked' && detail.includes('build.sh'));
  kill(await pidOfSupervisor());
  await yard.buildTakes('probe', 0);
  await swap.ended;
  await goesOnAlone();
  await resume(t, swap, 'aborted');
});

test(
  'supervisor killed after SIGTERM to the old one, which ignores it: it is reaped, its port free',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    await yard.probes.write('probe', { onStop: 'ignore' });
    assert.equal((await yard.swap('probe').ended).code, 0);
    await yard.probes.write('probe', {});
    const supervisor = await pidOfSupervisor();
    const swap = yard.swap('probe');
    await swap.reaches('baked');
    const old = swap.last.services['probe']!.from!;
    // It is taken out of the registry, and told to stop right after that.
    await eventually('it is no longer registered', () =>
      Promise.resolve(poll.table.services['probe']!.deployments[old] === undefined),
    );
    kill(supervisor);
    await swap.ended;
    assert.ok(await isRunning(old));
    await goesOnAlone();
    await resume(t, swap, 'done');
  },
);

test(
  'supervisor killed as the swap ends: whether its last word was written or not, it is in the history once',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    const supervisor = await pidOfSupervisor();
    const swap = yard.swap('probe', '--bake', '0s');
    await swap.reaches('retired');
    kill(supervisor);
    await swap.ended;
    await goesOnAlone();
    await resume(t, swap, 'done');
    assert.equal((await yard.history()).filter(({ id }) => id === swap.lines[0]!.id).length, 1);
  },
);

test('supervisor killed at aborting: what was being undone is undone', { timeout: ROW_TIMEOUT_MS }, async (t) => {
  await yard.probes.write('probe', { crashesAtBoot: true });
  const swap = await heldAt('aborting');
  kill(await pidOfSupervisor());
  await yard.probes.write('probe', {});
  await goesOnAlone();
  await resume(t, swap, 'aborted');
});

test('supervisor killed at reverting: what was being taken back is', { timeout: ROW_TIMEOUT_MS }, async (t) => {
  const swap = yard.swap('probe', '--hold-at', 'reverting', '--bake', '20s');
  await swap.reaches('drained');
  traffic.expectReturn();
  const rollback = yard.probes.yard('rollback', 'probe');
  await swap.until(({ isHeld }) => isHeld === true);
  kill(await pidOfSupervisor());
  await rollback;
  await goesOnAlone();
  await resume(t, swap, 'reverted');
  traffic.expectForward();
});

const REGISTRY_DIES = [
  ['locked', 'committed'],
  ['built', 'acknowledged'],
  ['healthy', 'drained'],
  ['warm', 'baked'],
] as const;
for (const stages of REGISTRY_DIES) {
  test(
    `registry killed at ${stages.join(' and ')}: nobody notices, and the swap ends well`,
    { timeout: ROW_TIMEOUT_MS },
    async (t) => {
      // A supervisor that has seen it die often waits longer and longer before it starts it again; this one has seen nothing yet.
      kill(await pidOfSupervisor());
      await yard.probes.up();
      const before = traffic.failures().length;
      await yard.buildTakes('probe', stages[0] === 'locked' ? 1 : 0);
      const swap = yard.swap('probe', '--bake', '2s');
      for (const stage of stages) {
        await swap.reaches(stage);
        kill(await yard.pidOf('registry'));
      }
      const { code, stdout, stderr } = await swap.ended;
      assert.equal(code, 0, stdout + stderr);
      const { services } = swap.last;
      await eventually('the registry says so', () => Promise.resolve(live() === services['probe']!.to));
      await nothingIsLeft();
      assert.deepEqual(traffic.failures().slice(before), []);
      t.diagnostic(`epoch ${poll.table.epoch}`);
    },
  );
}

for (const [stage, outcome] of [
  ['warm', 'aborted'],
  ['committed', 'done'],
] as const) {
  test(`supervisor and registry killed at ${stage}: ${outcome}`, { timeout: ROW_TIMEOUT_MS }, async (t) => {
    const swap = await heldAt(stage);
    kill(await pidOfSupervisor());
    kill(await yard.pidOf('registry'));
    await goesOnAlone();
    await resume(t, swap, outcome);
  });
}

test(
  'supervisor and registry killed after the registry took the commit and before the journal says so: done',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    const swap = await heldAt('warm');
    kill(await pidOfSupervisor());
    await swap.ended;
    const { id, services } = swap.last;
    const { from, to } = services['probe']!;
    // The request that the supervisor died of.
    const lock = await yard.asOperator('POST', '/v1/services/probe/lock', { holder: id });
    const { token } = (await lock.json()) as { token: number };
    const commit = await yard.asOperator('POST', '/v1/live', {
      changes: { probe: { live: to, standby: from } },
      expect: poll.table.epoch,
      locks: { probe: token },
    });
    assert.equal(commit.status, 200, await commit.text());
    kill(await yard.pidOf('registry'));
    await goesOnAlone();
    await resume(t, swap, 'done');
  },
);

test('supervisor and candidate killed before the commit: undone', { timeout: ROW_TIMEOUT_MS }, async (t) => {
  const swap = await heldAt('healthy');
  const { to } = swap.last.services['probe']!;
  kill(await pidOfSupervisor());
  for (const pid of (await yard.processesOf('probe')).get(to!)!) kill(pid);
  await goesOnAlone();
  await resume(t, swap, 'aborted');
});

test('candidate killed before the commit: exit code 3', { timeout: ROW_TIMEOUT_MS }, async () => {
  const before = live();
  const swap = yard.swap('probe');
  await swap.until(({ stage, detail }) => stage === 'spawned' && detail !== '');
  const { to } = swap.last.services['probe']!;
  for (const pid of (await yard.processesOf('probe')).get(to!)!) kill(pid);
  const { code, stdout, stderr } = await swap.ended;
  assert.equal(code, 3, stdout + stderr);
  assert.equal(live(), before);
  await nothingIsLeft();
});

test('through all of that no request has failed, and no post was lost or done twice', async (t) => {
  const result = await traffic.stop();
  t.diagnostic(`${result.sent} sent, longest gap ${Math.round(result.longestGapMs)} ms`);
  assert.deepEqual(result.failures, []);
  const { isGood, examples } = await result.verify();
  assert.ok(isGood, examples.join('; '));
});

/** Which deployment answers first from now on, and when. */
async function firstAnswer(is: (deployment: string) => boolean): Promise<{ deployment: string; atMs: number }> {
  return eventually('it answers again', async () => {
    const answer = await fetch(`${yard.probes.origin}/probe/get?n=1`, { signal: AbortSignal.timeout(2_000) });
    await answer.body?.cancel();
    const deployment = answer.headers.get('x-deployment');
    return deployment !== null && is(deployment) && { deployment, atMs: nowMs() };
  });
}

/** Who serves was killed: what failed was under way then, or came before somebody served again; and every post was done once at most. */
async function failedOnlyBetween(killedMs: number, backMs: number): Promise<void> {
  await answered(RATE_PER_SECOND / 2);
  const result = await traffic.stop();
  assert.deepEqual(
    result.failures.filter(({ atMs, cause }) => atMs < killedMs || atMs > backMs + NOTICED_MS || cause === 'order'),
    [],
  );
  const { isGood, examples } = await result.verify();
  assert.ok(isGood, examples.join('; '));
}

for (const stage of ['committed', 'drained']) {
  test(
    `candidate killed after the commit, ${stage}: the one before is live again, exit code 4`,
    { timeout: ROW_TIMEOUT_MS },
    async (t) => {
      traffic = load();
      await answered(RATE_PER_SECOND / 2);
      const swap = yard.swap('probe', '--bake', '20s');
      await swap.reaches(stage);
      const { from, to } = swap.last.services['probe']!;
      const pids = (await yard.processesOf('probe')).get(to!)!;
      traffic.expectReturn();
      poll.mayLackInstances = true;
      const killedMs = nowMs();
      for (const pid of pids) kill(pid);
      const { atMs } = await firstAnswer((deployment) => deployment === from);
      t.diagnostic(`${from} answers ${Math.round(atMs - killedMs)} ms after the kill`);
      const { code, stdout, stderr } = await swap.ended;
      assert.equal(code, 4, stdout + stderr);
      assert.equal(live(), from);
      await nothingIsLeft();
      await failedOnlyBetween(killedMs, atMs);
      assert.ok(atMs - killedMs <= REVERTED_MS, `it took ${atMs - killedMs} ms`);
    },
  );
}

test(
  'supervisor and candidate killed in the bake: resume makes the one before live again at once',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    traffic = load();
    await answered(RATE_PER_SECOND / 2);
    const swap = await heldAt('drained');
    const { from, to } = swap.last.services['probe']!;
    poll.mayLackInstances = true;
    traffic.expectReturn();
    const supervisor = await pidOfSupervisor();
    const pids = (await yard.processesOf('probe')).get(to!)!;
    const killedMs = nowMs();
    for (const pid of [supervisor, ...pids]) kill(pid);
    const back = firstAnswer((deployment) => deployment === from);
    await resume(t, swap, 'reverted');
    await failedOnlyBetween(killedMs, (await back).atMs);
  },
);

test(
  'gateway killed right after the commit: it routes by the new epoch from its first answer on',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    traffic = load();
    await answered(RATE_PER_SECOND / 2);
    const swap = await heldAt('committed');
    const { killedMs, backMs } = await gatewayDies(t, swap);
    kill(await pidOfSupervisor());
    // The one that died has a lease, and nothing is stopped before that has lapsed: it might route somewhere yet.
    await resume(t, swap, 'done', WATCHER_LEASE_MS + RECOVERY_MS);
    await failedOnlyBetween(killedMs, backMs);
  },
);

test(
  'gateway killed in the bake: it routes by the new epoch from its first answer on',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    traffic = load();
    await answered(RATE_PER_SECOND / 2);
    const swap = yard.swap('probe', '--bake', '4s');
    await swap.reaches('drained');
    const { killedMs, backMs } = await gatewayDies(t, swap);
    const { code, stdout, stderr } = await swap.ended;
    assert.equal(code, 0, stdout + stderr);
    await nothingIsLeft();
    await failedOnlyBetween(killedMs, backMs);
  },
);

async function gatewayDies(t: TestContext, swap: RunningSwap): Promise<{ killedMs: number; backMs: number }> {
  const { to } = swap.last.services['probe']!;
  const gateway = await yard.pidOf('gateway');
  const killedMs = nowMs();
  kill(gateway);
  const { deployment, atMs: backMs } = await firstAnswer(() => true);
  t.diagnostic(`the gateway is back ${Math.round(backMs - killedMs)} ms after the kill`);
  await answered(RATE_PER_SECOND);
  const answers = traffic.takeSamples().filter(({ atMs }) => atMs >= backMs);
  assert.deepEqual([...new Set([deployment, ...answers.map((sample) => sample.deployment)])], [to]);
  return { killedMs, backMs };
}

test(
  'supervisor stopped for longer than its locks last: it goes on, or gives up what somebody else has taken',
  { timeout: ROW_TIMEOUT_MS },
  async (t) => {
    traffic = load();
    await answered(RATE_PER_SECOND / 2);
    const baking = yard.swap('late', '--bake', '5s');
    await baking.reaches('drained');
    for (const name of ['probe', 'early']) await yard.buildTakes(name, 2);
    const [frozen, robbed] = [yard.swap('probe'), yard.swap('early')];
    for (const swap of [frozen, robbed])
      await swap.until(({ stage, detail }) => stage === 'locked' && detail.includes('build.sh'));
    const supervisor = await pidOfSupervisor();
    const stoppedMs = nowMs();
    process.kill(supervisor, 'SIGSTOP');
    const takes = async (service: string, ttlMs: number): Promise<boolean> =>
      (await yard.asOperator('POST', `/v1/services/${service}/lock`, { holder: 'somebody else', ttlMs })).status ===
      200;
    try {
      await eventually('the locks lapse', () => takes('early', 60_000));
      await eventually('12 s have passed', async () => nowMs() - stoppedMs >= 12_000);
      await eventually('the other lock has lapsed too', () => takes('late', 2_000));
    } finally {
      process.kill(supervisor, 'SIGCONT');
    }
    const codes = await Promise.all([frozen, robbed, baking].map(async (swap) => (await swap.ended).code));
    t.diagnostic(`exit codes ${codes.join(', ')}`);
    // What was live already goes on; that its lock was somebody else's is told by exit code 1.
    assert.deepEqual(codes, [0, 3, 1]);
    assert.equal(live('early'), robbed.last.services['early']!.from);
    await yard.asOperator('DELETE', '/v1/services/early/lock', { holder: 'somebody else' });
    await nothingIsLeft();
    const result = await traffic.stop();
    assert.deepEqual(result.failures, []);
    assert.ok((await result.verify()).isGood);
  },
);
