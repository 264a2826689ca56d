/** What was typed after `yard swap`, as the supervisor is asked for it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CommandFailed, EXIT } from '../../command.ts';
import { swapAsked } from './swap.ts';

type Values = Parameters<typeof swapAsked>[0]['values'];
const asked = (values: Values, ...positionals: string[]) => swapAsked({ values, positionals }, 1_700_000_000_000);
const wrong = (values: Values, message: RegExp, positionals = ['users']) =>
  assert.throws(
    () => asked(values, ...positionals),
    (error) => error instanceof CommandFailed && error.exitCode === EXIT.wrongUsage && message.test(error.message),
  );

test('without options a swap is as switchyard.yaml says, and waits for its bake', () => {
  assert.deepEqual(asked({}, 'users', 'feeds'), {
    services: ['users', 'feeds'],
    kind: 'swap',
    bakeMs: null,
    canaryPercent: null,
    isPreview: false,
    isWithoutRollback: false,
    waitsForBake: true,
    askedAtMs: 1_700_000_000_000,
    holdAt: null,
  });
});

test('durations are those of switchyard.yaml, a share may have its sign, and a preview may have a canary after it', () => {
  const request = asked({ bake: '2m', canary: '10%', preview: true, 'no-wait': true, 'hold-at': 'committed' }, 'users');
  assert.equal(request.bakeMs, 120_000);
  assert.equal(request.canaryPercent, 10);
  assert.equal(request.isPreview, true);
  assert.equal(request.waitsForBake, false);
  assert.equal(request.holdAt, 'committed');
  assert.equal(asked({ bake: '0s' }, 'users').bakeMs, 0);
});

test('a share outside 1 to 99, a bake that is no duration, and a stage that is none are wrong usage', () => {
  for (const canary of ['0', '100', '-1', '1.5', 'ten', '', '010', '5 %']) wrong({ canary }, /--canary is .* 1 to 99/);
  for (const bake of ['', '30', '25h', '1.5s', '-1s', '30 s']) wrong({ bake }, /--bake is .*must be a duration/);
  for (const stage of ['commited', 'retired', '']) wrong({ 'hold-at': stage }, /--hold-at is/);
});

test('a swap without a way back has no bake, and gateway and registry have neither preview nor canary', () => {
  wrong({ 'no-rollback': true, bake: '5s' }, /there is no --bake/);
  wrong({ preview: true }, /the gateway has no preview/, ['gateway']);
  wrong({ canary: '10' }, /the registry has no canary/, ['registry']);
  assert.deepEqual(asked({}, 'gateway').services, ['gateway']);
});
