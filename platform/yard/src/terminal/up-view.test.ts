/** What whoever watches a whole yard is told of swaps. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import pico from 'picocolors';
import type { SwapStage } from '../swap/swap-stage.ts';
import { upView } from './up-view.ts';

test('a swap is a line for each thing that becomes of a service, once', () => {
  let text = '';
  const output = new Writable({
    decodeStrings: false,
    write(chunk: string, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const view = upView(output, pico.createColors(false), ['registry', 'users']);
  const services = { users: { from: 'users-6', to: 'users-7' } };
  const tell = (id: string, stage: SwapStage) =>
    view.onEvent({ kind: 'swap', id, services, stage, detail: '', sinceMs: 1, figures: {}, atMs: 1 });
  for (const stage of ['asked', 'built', 'committed', 'committed', 'drained', 'drained', 'retired'] as const)
    tell('a', stage);
  tell('b', 'committed');
  tell('b', 'reverted');
  assert.deepEqual(text.trimEnd().split('\n'), [
    'users     users-7 is live (users-6 stands by)',
    'users     users-7 stays; users-6 has stopped',
    'users     users-7 is live (users-6 stands by)',
    'users     users-6 is live again instead of users-7',
  ]);
});
