/** A judge that lets everything pass would prove nothing: each kind of difference is one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnswers } from '../answer-stream.ts';
import { compareWays, headFaults, judge } from './judge.ts';
import type { Conversation, Decision } from './judge.ts';
import { fuzzCase } from './request-generator.ts';
import type { ReadRequest } from './reference.ts';
import type { Seen } from './seen.ts';

const one = { ...fuzzCase(1, 1), kind: 'odd' as const, count: 1 };
const ID = 's1-1-0';

const answerOf = (status = 200, body = ID, id = ID): string =>
  `HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\nX-Request-Id: ${id}\r\n\r\n${body}`;
const REFUSAL = 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n';

const request: ReadRequest = {
  method: 'POST',
  target: '/a?b',
  version: '1.1',
  rawHeaders: ['Host', 'a'],
  body: 'hello',
  isWhole: true,
};
const decision: Decision = { requestId: ID, method: 'POST', path: '/a', status: 200, to: 'echo' };
const seen: Seen = {
  id: ID,
  method: 'POST',
  target: '/a?b',
  headers: [
    ['host', 'a'],
    ['content-length', '5'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-host', 'a'],
    ['forwarded', 'for=127.0.0.1'],
    ['x-request-id', ID],
    ['traceparent', '00-1-2-01'],
  ],
  body: 'hello',
};

const conversation = (all: string, requests: ReadRequest[] = [request], isStuck = false): Conversation => ({
  one,
  reading: { requests, error: null, isOver: false },
  heard: { ...readAnswers(all, []), wasClosed: false, isStuck },
});
const differences = (conversations: Conversation[], decisions: Decision[], all: Seen[]): string[] =>
  judge(conversations, decisions, all).differences.map(({ what }) => what);

test('what agrees is no difference, accepted or refused', () => {
  assert.deepEqual(differences([conversation(answerOf())], [decision], [seen]), []);
  assert.deepEqual(differences([conversation(REFUSAL)], [], []), []);
  const { to: _, ...own } = decision;
  assert.deepEqual(differences([conversation(answerOf(404))], [{ ...own, status: 404 }], []), []);
});

test('what a service reads in another way is a difference', () => {
  for (const [what, other] of Object.entries({
    method: { ...seen, method: 'PUT' },
    target: { ...seen, target: '/b?b' },
    query: { ...seen, target: '/a?c' },
    body: { ...seen, body: 'hellO' },
    Host: { ...seen, headers: seen.headers.map(([name, value]) => [name, name === 'host' ? 'b' : value] as const) },
  }))
    assert.notDeepEqual(differences([conversation(answerOf())], [decision], [other]), [], what);
});

test('what the gateway accepts and llhttp does not is a difference', () => {
  assert.notDeepEqual(differences([conversation(answerOf(), [])], [decision], [seen]), []);
  const half = { ...request, isWhole: false };
  assert.notDeepEqual(differences([conversation(answerOf(), [half])], [decision], [seen]), []);
  assert.notDeepEqual(differences([conversation('', [half])], [decision], [seen]), []);
});

test('what a service sees and nobody decided is a difference, and so is what it does not see', () => {
  assert.notDeepEqual(differences([conversation(answerOf())], [decision], [seen, { ...seen, id: 'other' }]), []);
  assert.notDeepEqual(differences([conversation(answerOf())], [decision], [seen, seen]), []);
  assert.notDeepEqual(differences([conversation(answerOf())], [decision], []), []);
  assert.notDeepEqual(differences([conversation(answerOf())], [], [seen]), []);
});

test("somebody else's answer, a malformed one, and none at all are differences", () => {
  assert.notDeepEqual(differences([conversation(answerOf(200, 'other'))], [decision], [seen]), []);
  assert.notDeepEqual(differences([conversation('HTTP/1.1 200 OK\nX: y\r\n\r\n')], [], []), []);
  assert.notDeepEqual(differences([conversation('', [request], true)], [], []), []);
  assert.notDeepEqual(differences([conversation(REFUSAL + answerOf())], [decision], [seen]), []);
});

test('heads that no service may see are faults', () => {
  assert.deepEqual(headFaults(seen), []);
  for (const more of [
    ['x-switchyard-identity', 'forged'],
    ['x_switchyard_identity', 'forged'],
    ['X.Switchyard-Identity', 'forged'],
    ['content-length', '5'],
    ['transfer-encoding', 'chunked'],
    ['content_length', '5'],
    ['host', 'a'],
    ['x_forwarded_for', '6.6.6.6'],
    ['x-forwarded-for', '6.6.6.6'],
    ['x-real-ip', '6.6.6.6'],
    ['connection', 'x-a'],
    ['keep-alive', '5'],
    ['te', 'gzip'],
    ['upgrade', 'h2c'],
    ['traceparent', 'x'],
  ] as const)
    assert.equal(headFaults({ ...seen, headers: [...seen.headers, more] }).length > 0, true, more.join(': '));
  assert.deepEqual(headFaults({ ...seen, body: '' }), ['the length 5 of 0 bytes']);
  const unframed = seen.headers.filter(([name]) => name !== 'content-length');
  assert.deepEqual(headFaults({ ...seen, headers: unframed }), ['a body without a framing']);
});

test('whole may be stricter than in pieces, and not laxer', () => {
  const [accepted, refused] = [conversation(answerOf()), conversation(REFUSAL)];
  assert.deepEqual(compareWays(accepted, accepted), []);
  assert.deepEqual(compareWays(refused, accepted), []);
  assert.equal(compareWays(accepted, refused).length, 1);
  assert.equal(compareWays(accepted, conversation(answerOf() + answerOf())).length, 1);
});
