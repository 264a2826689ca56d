/** An instance that fails is left out, never the last one, and comes back when it has shown that it answers. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import { seededRandom, serviceOf } from '../testing/test-service.ts';
import { Claim, claimInstance } from './claim.ts';
import { Ejection, SUCCESSES_TO_RETURN } from './ejection.ts';
import type { EjectionSignal } from './ejection.ts';
import type { Instance } from './instance.ts';
import { LIVE_BUCKET } from './split.ts';

const SETTINGS = DEFAULT_SETTINGS.ejection;

function started(instances: number, random: () => number = seededRandom(1)) {
  const { service, clock, tell } = serviceOf(instances, { random: () => 0 });
  const claim = (avoid: Instance | null = null, isRepeatable = true): Claim => {
    const claimed = claimInstance(service, LIVE_BUCKET, avoid, clock.nowMs, isRepeatable, random);
    assert.ok(claimed instanceof Claim);
    return claimed;
  };
  /** Claims until it is this instance; what was claimed elsewhere is given back then. */
  const claimOn = (instance: Instance): Claim => {
    const elsewhere: Claim[] = [];
    for (let nth = 0; nth < 1_000; nth += 1) {
      const claimed = claim();
      if (claimed.instance !== instance) {
        elsewhere.push(claimed);
        continue;
      }
      for (const other of elsewhere) other.release();
      return claimed;
    }
    throw new Error(`${instance.id} is never chosen`);
  };
  const end = (claimed: Claim, how: 'answered' | 'failed' | 'refused' | number): void => {
    if (how === 'answered') claimed.answered(200, 10);
    else if (typeof how === 'number') claimed.answered(how, 10);
    else claimed.failed(10);
    if (how === 'refused') claimed.refused();
    claimed.release();
  };
  const deployment = service.live!;
  return { deployment, clock, tell, claim, claimOn, end, up: deployment.up };
}
const idsOf = (instances: readonly Instance[]): string[] => instances.map(({ id }) => id);
const chosenOf = (claim: () => Claim): Set<string> => {
  const claims = Array.from({ length: 200 }, claim);
  for (const claimed of claims) claimed.release();
  return new Set(claims.map(({ instance }) => instance.id));
};

test('who cannot be connected to is left out at once', () => {
  const { deployment, claim, claimOn, end, up } = started(3);
  assert.equal(deployment.rotation, up, 'no second list while nobody is left out');
  end(claimOn(up[1]!), 'refused');
  assert.equal(up[1]!.ejection.isEjected, true);
  assert.deepEqual(idsOf(deployment.rotation), ['0', '2']);
  assert.deepEqual(chosenOf(claim), new Set(['0', '2']));
});

test('failures in a row leave an instance out, a success between them does not', () => {
  for (const how of ['failed', 502, 503, 504] as const) {
    const { claimOn, end, up } = started(3);
    const [, bad] = up as [Instance, Instance];
    const held = Array.from({ length: 20 }, () => claimOn(bad));
    for (const claimed of held.slice(0, SETTINGS.failures - 1)) end(claimed, how);
    end(held[10]!, 'answered');
    for (const claimed of held.slice(11, 10 + SETTINGS.failures)) end(claimed, how);
    assert.equal(bad.ejection.isEjected, false, String(how));
    end(held[19]!, how);
    assert.equal(bad.ejection.isEjected, true, String(how));
  }
});

test('a plain 500 is an answer, and says nothing against the instance', () => {
  const { claimOn, end, up } = started(2);
  for (let nth = 0; nth < 50; nth += 1) end(claimOn(up[0]!), 500);
  assert.equal(up[0]!.ejection.isTrusted, true);
});

test('after its pause it gets one request at a time, and is back after three answers', () => {
  const { deployment, clock, claim, claimOn, end, up } = started(3);
  const [bad] = up as [Instance];
  end(claimOn(bad), 'refused');
  clock.nowMs = SETTINGS.baseMs - 1;
  assert.equal(chosenOf(claim).has('0'), false);
  clock.nowMs = SETTINGS.baseMs;
  for (let nth = 1; nth <= SUCCESSES_TO_RETURN; nth += 1) {
    const trial = claim();
    assert.equal(trial.instance, bad);
    assert.equal(chosenOf(claim).has('0'), false, 'not a second one meanwhile');
    assert.equal(bad.ejection.isEjected, true);
    end(trial, 'answered');
  }
  assert.equal(bad.ejection.isEjected, false);
  assert.equal(bad.latency.isKnown, false, 'what it took before is forgotten');
  assert.equal(deployment.rotation, up);
});

test('a request that was refused elsewhere tries no ejected instance', () => {
  const { clock, claim, claimOn, end, up } = started(3);
  end(claimOn(up[0]!), 'refused');
  clock.nowMs = SETTINGS.baseMs;
  assert.equal(claim(up[1]).instance, up[2]);
});

test('a request that cannot be repeated tries it only if no other comes for a second', () => {
  const { clock, claim, claimOn, end, up } = started(2);
  end(claimOn(up[0]!), 'refused');
  for (const waitsMs of [SETTINGS.baseMs, 0]) {
    clock.nowMs += waitsMs;
    assert.equal(claim(null, false).instance, up[1]);
    clock.nowMs += 999;
    assert.equal(claim(null, false).instance, up[1]);
    clock.nowMs += 1;
    const trial = claim(null, false);
    assert.equal(trial.instance, up[0]);
    end(trial, 'answered');
  }
  assert.equal(claim().instance, up[0]);
});

test('a trial whose client went away makes room for another', () => {
  const { clock, claim, claimOn, end, up } = started(3);
  end(claimOn(up[0]!), 'refused');
  clock.nowMs = SETTINGS.baseMs;
  claim().release();
  assert.equal(claim().instance, up[0]);
});

test('pauses grow with each failed trial, up to the longest, and never beyond it', () => {
  const { clock, claim, claimOn, end, up } = started(2);
  const [bad] = up as [Instance];
  end(claimOn(bad), 'refused');
  const pauses: number[] = [];
  for (let round = 0; round < 40; round += 1) {
    pauses.push(bad.ejection.trialAtMs - clock.nowMs);
    clock.nowMs = bad.ejection.trialAtMs;
    const trial = claim();
    assert.equal(trial.instance, bad);
    end(trial, 'failed');
  }
  assert.deepEqual(pauses.slice(0, 3), [1_000, 2_000, 3_000]);
  assert.equal(Math.max(...pauses), SETTINGS.maxMs);
  assert.equal(pauses.at(-1), SETTINGS.maxMs);
});

test('who fails again soon after its return is away for longer; much later it begins anew', () => {
  const { clock, claim, claimOn, end, up } = started(2);
  const [bad] = up as [Instance];
  const pauseOf = (): number => {
    const trial = claimOn(bad);
    end(trial, 'refused');
    return bad.ejection.trialAtMs - clock.nowMs;
  };
  const comeBack = (): void => {
    clock.nowMs = bad.ejection.trialAtMs;
    for (let nth = 0; nth < SUCCESSES_TO_RETURN; nth += 1) end(claim(), 'answered');
    assert.equal(bad.ejection.isEjected, false);
  };
  assert.equal(pauseOf(), 1_000);
  comeBack();
  assert.equal(pauseOf(), 2_000);
  comeBack();
  clock.nowMs += SETTINGS.maxMs;
  assert.equal(pauseOf(), 1_000);
});

test('pauses differ a little, so that instances are not tried all at the same moment', () => {
  const pauses = new Set(
    [0, 0.25, 0.5, 0.999].map((drawn) => {
      const ejection = new Ejection();
      ejection.signal('refused', { settings: SETTINGS, nowMs: 0, random: () => drawn });
      return Math.round(ejection.trialAtMs);
    }),
  );
  assert.deepEqual([...pauses], [1_000, 950, 900, 800]);
});

test('when the last one would go all come back: an outage is for the breaker to judge', () => {
  const { deployment, claimOn, end, up } = started(3);
  end(claimOn(up[0]!), 'refused');
  end(claimOn(up[1]!), 'refused');
  assert.deepEqual(idsOf(deployment.rotation), ['2']);
  end(claimOn(up[2]!), 'refused');
  assert.equal(deployment.rotation, up);
  assert.deepEqual(
    up.map(({ ejection }) => ejection.isTrusted),
    [false, false, false],
    'nothing moves to them on credit before they have answered',
  );
});

test('a single instance is never left out', () => {
  const { deployment, claimOn, end, up } = started(1);
  for (let nth = 0; nth < 20; nth += 1) end(claimOn(up[0]!), 'refused');
  assert.equal(deployment.rotation, up);
});

test('what was sent to it before it was ejected says nothing new', () => {
  const { claimOn, end, up } = started(3);
  const before = [claimOn(up[0]!), claimOn(up[0]!)] as const;
  end(claimOn(up[0]!), 'refused');
  const { trialAtMs } = up[0]!.ejection;
  end(before[0], 'answered');
  end(before[1], 'failed');
  assert.equal(up[0]!.ejection.isEjected, true);
  assert.equal(up[0]!.ejection.trialAtMs, trialAtMs);
});

test('who was DOWN and is UP again is tried like a new one, and the last one left cannot be waited for', () => {
  const { deployment, tell, claimOn, end, up } = started(3);
  end(claimOn(up[0]!), 'refused');
  tell(['DOWN', 'UP', 'UP']);
  tell(['UP', 'UP', 'UP']);
  assert.equal(deployment.rotation.length, 3);
  end(claimOn(deployment.up[0]!), 'refused');
  tell(['UP', 'DOWN', 'DOWN']);
  assert.deepEqual(idsOf(deployment.rotation), ['0']);
});

test('what another worker has ejected is left out here too, and neither told again nor tried later for it', () => {
  const { deployment, clock, claimOn, end, up } = started(3);
  deployment.hear('0');
  assert.deepEqual(idsOf(deployment.rotation), ['1', '2']);
  const { trialAtMs } = up[0]!.ejection;
  clock.nowMs = 500;
  deployment.hear('0');
  deployment.hear('of long ago');
  assert.equal(up[0]!.ejection.trialAtMs, trialAtMs);
  end(claimOn(up[1]!), 'refused');
  deployment.hear('2');
  assert.equal(deployment.rotation.length, 3, 'nobody else is left');
});

test('whatever happens, somebody is left to choose, and who is left out is tried again some time', () => {
  const signals: readonly EjectionSignal[] = ['heard', 'success', 'failure', 'refused', 'withdrawn', 'renewed'];
  for (let seed = 1; seed <= 50; seed += 1) {
    const random = seededRandom(seed);
    const { deployment, clock, tell, claim, up } = started(1 + Math.floor(random() * 5), random);
    const held: Claim[] = [];
    for (let step = 0; step < 500; step += 1) {
      clock.nowMs += random() * 500;
      const drawn = random();
      const one = deployment.up[Math.floor(random() * deployment.up.length)]!;
      if (drawn < 0.4) held.push(claim());
      else if (drawn < 0.7) deployment.tell(one, signals[Math.floor(random() * signals.length)]!);
      else if (drawn < 0.95) {
        const claimed = held.splice(Math.floor(random() * held.length), 1)[0];
        if (claimed === undefined) continue;
        if (drawn < 0.8) claimed.answered(random() < 0.7 ? 200 : 503, 5);
        else if (drawn < 0.9) claimed.failed(5);
        claimed.release();
      } else tell(up.map((_instance, nth) => (nth === 0 || random() < 0.7 ? 'UP' : 'DOWN')));
      assert.ok(deployment.rotation.length > 0);
      assert.ok(deployment.rotation.every(({ ejection }) => !ejection.isEjected));
      assert.equal(deployment.rotation === deployment.up, deployment.rotation.length === deployment.up.length);
    }
    for (const claimed of held) claimed.release();
    clock.nowMs += SETTINGS.maxMs;
    for (let nth = 0; nth < SUCCESSES_TO_RETURN * up.length; nth += 1) {
      const claimed = claim();
      claimed.answered(200, 5);
      claimed.release();
    }
    assert.equal(deployment.rotation, deployment.up, `all are back, seed ${seed}`);
  }
});
