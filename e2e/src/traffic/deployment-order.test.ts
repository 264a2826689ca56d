/** One place at which deployments answer. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeploymentOrder } from './deployment-order.ts';

test('each deployment may follow another, and none may come back', () => {
  const order = new DeploymentOrder({ mayGoBack: false, era: 0 });
  for (const deployment of ['a-1', 'a-1', 'a-2', 'a-3']) assert.equal(order.answered(deployment), null);
  assert.equal(order.answered('a-1'), 'a-1 answered after a-3 had replaced it');
  assert.equal(order.answered('a-2'), 'a-2 answered after a-3 had replaced it');
  assert.equal(order.answered('a-3'), null);
});

test('while a return is expected anyone may answer, and afterwards what was before counts for nothing', () => {
  const rule = { mayGoBack: false, era: 0 };
  const order = new DeploymentOrder(rule);
  order.answered('a-1');
  order.answered('a-2');
  rule.mayGoBack = true;
  for (const deployment of ['a-1', 'a-2', 'a-1']) assert.equal(order.answered(deployment), null);
  rule.mayGoBack = false;
  rule.era += 1;
  assert.equal(order.answered('a-1'), null);
  assert.equal(order.answered('a-3'), null);
  assert.equal(order.answered('a-1'), 'a-1 answered after a-3 had replaced it');
});
