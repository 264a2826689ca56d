/** What `yard status` shows while a swap goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import pico from 'picocolors';
import type { YardStatus } from '../status/yard-status.ts';
import { statusText } from './status-text.ts';

const colours = pico.createColors(false);
const now = new Date('2026-11-22T06:12:03.000Z');
const instance = (deployment: string, port: number): YardStatus['registry']['instances'][number] => ({
  id: `${deployment}.1`,
  deployment,
  side: 'blue',
  host: '127.0.0.1',
  port,
  pid: port + 1,
  state: 'ready',
  startedAt: '2026-11-22T06:10:00.000Z',
  restarts: 0,
});
const part = (instances: YardStatus['registry']['instances']) =>
  ({ state: 'ready', detail: '', fault: null, instances }) as const;
const USERS = {
  ...part([instance('users-6', 3010)]),
  live: 'users-6',
  standby: null,
  candidate: null,
  swap: null,
  needs: [],
};
const STATUS: YardStatus = {
  root: '/yard',
  supervisor: { pid: 4711, startedAt: '2026-11-22T06:10:00.000Z' },
  epoch: 12,
  url: 'http://localhost:8000',
  services: { users: USERS },
  registry: part([instance('registry-1', 7000)]),
  gateway: part([instance('gateway-1', 8000)]),
  postgres: null,
};
const linesOf = (users: Partial<YardStatus['services'][string]>) =>
  statusText({ ...STATUS, services: { users: { ...USERS, ...users } } }, colours, now).split('\n');

test('without a swap there is a row for each instance and no column for candidates', () => {
  assert.deepEqual(linesOf({}).slice(3), [
    '          STATE  LIVE     STANDBY  PORT  PID   UP     RESTARTS',
    'registry  ready                    7000  7001  2 min  0',
    'gateway   ready                    8000  8001  2 min  0',
    'users     ready  users-6  -        3010  3011  2 min  0',
  ]);
});

test('a canary is shown beside what is live, with its share and what is being done', () => {
  const lines = linesOf({
    ...part([instance('users-6', 3010), instance('users-7', 3020)]),
    candidate: 'users-7',
    swap: { id: 'swap-0123456789ab', stage: 'canary', detail: '', canaryPercent: 20 },
  });
  assert.deepEqual(lines.slice(-4), [
    'users     ready  users-6             -        3010  3011  2 min  0',
    '          ready           users-7             3020  3021  2 min  0',
    '',
    '» users: canary, 20 % of the requests (swap-0123456789ab)',
  ]);
});

test('a standby is named in the row of its own instance, and on its own when it has none', () => {
  const both = part([instance('users-7', 3020), instance('users-6', 3010)]);
  assert.deepEqual(linesOf({ ...both, live: 'users-7', standby: 'users-6' }).slice(-2), [
    'users     ready  users-7           3020  3021  2 min  0',
    '          ready           users-6  3010  3011  2 min  0',
  ]);
  const one = linesOf({ ...part([instance('users-7', 3020)]), live: 'users-7', standby: 'users-6' });
  assert.equal(one.at(-1), 'users     ready  users-7  users-6  3020  3021  2 min  0');
});

test('a swap of several services is one line', () => {
  const swap = { id: 'swap-0123456789ab', stage: 'locked', detail: 'building', canaryPercent: null } as const;
  const services = { users: { ...USERS, swap }, feeds: { ...USERS, swap } };
  const lines = statusText({ ...STATUS, services }, colours, now).split('\n');
  assert.equal(lines.at(-1), '» users, feeds: locked, building (swap-0123456789ab)');
});
