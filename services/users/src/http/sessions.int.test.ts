/** Sessions as the gateway uses them: opening, rotating, replaying, ending, and hearing of ended ones. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { endedSessions, grantedSession } from '@switchyard/contracts/session';
import { Passwords } from '../domain/passwords.ts';
import { isRefusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import { startTestUsers, PASSWORD } from '../test-users.ts';
import type { TestUsers } from '../test-users.ts';

let users: TestUsers;
before(async () => {
  users = await startTestUsers();
});
after(() => users.stop());

const open = async (login: string) => {
  const answer = await users.asService('POST', '/internal/sessions', { login, password: PASSWORD });
  assert.equal(answer.status, 201, JSON.stringify(answer.body));
  return grantedSession.parse(answer.body);
};
const refresh = (refreshToken: string) => users.asService('POST', '/internal/sessions/refresh', { refreshToken });
const ended = async (after?: string) =>
  endedSessions.parse(
    (await users.asService('GET', `/internal/sessions/ended${after === undefined ? '' : `?after=${after}`}`)).body,
  );
const pass = (seconds: number) => {
  users.clock.now = new Date(users.clock.now.getTime() + seconds * 1_000);
};
const DAY = 86_400;

test('one signs in by handle or by address, and gets a session of thirty days', async () => {
  const ann = await users.signUp('ann');
  for (const login of ['ann', 'ANN', 'Ann@Example.org']) {
    const session = await open(login);
    assert.deepEqual(session.user, { id: ann.id, handle: 'ann', name: 'ann' });
    assert.equal(session.refreshExpiresInSeconds, 30 * DAY);
  }
});

test('a wrong password and an unknown login are refused in the same words', async () => {
  const answers = await Promise.all(
    [
      { login: 'ann', password: 'not the password' },
      { login: 'nobody_here', password: PASSWORD },
    ].map((body) => users.asService('POST', '/internal/sessions', body)),
  );
  const [wrong, unknown] = answers.map(({ status, body }) => ({ status, ...body, requestId: '' }));
  assert.equal(wrong.status, 401);
  assert.deepEqual(wrong, unknown);
});

test('nobody but the gateway opens, refreshes, ends or lists sessions', async () => {
  const calls = [
    ['POST', '/internal/sessions', { login: 'ann', password: PASSWORD }],
    ['POST', '/internal/sessions/refresh', { refreshToken: 'x' }],
    ['POST', '/internal/sessions/end', { sessionId: uuidv7() }],
    ['GET', '/internal/sessions/ended', undefined],
  ] as const;
  for (const [method, path, body] of calls) {
    assert.equal((await users.asService(method, path, body, 'feeds')).status, 403, path);
    assert.equal((await users.ask(method, path, { body })).status, 401, path);
    const ann = await users.ask(method, path, {
      body,
      headers: users.identityOf({ id: uuidv7(), handle: 'a', name: 'a' }),
    });
    assert.equal(ann.status, 401, path);
  }
});

test('each refresh gives another token, with the handle and name of now', async () => {
  const bob = await users.signUp('bob');
  const session = await open('bob');
  await bob.asks('PATCH', '/api/users/me', { name: 'Bob B', handle: 'bob_b' });
  const tokens = [session.refreshToken];
  for (let turn = 0; turn < 3; turn++) {
    pass(600);
    const answer = await refresh(tokens.at(-1)!);
    assert.equal(answer.status, 200);
    assert.equal(answer.body.sessionId, session.sessionId);
    assert.deepEqual(answer.body.user, { id: bob.id, handle: 'bob_b', name: 'Bob B' });
    tokens.push(answer.body.refreshToken);
  }
  assert.equal(new Set(tokens).size, 4);
});

test('fifty tabs that wake together get one and the same successor', async () => {
  await users.signUp('tabs');
  const session = await open('tabs');
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(session.refreshToken)));
  assert.deepEqual(new Set(answers.map((answer) => answer.status)), new Set([200]));
  const successors = new Set(answers.map((answer) => answer.body.refreshToken));
  assert.equal(successors.size, 1);
  pass(9);
  assert.deepEqual((await refresh(session.refreshToken)).body.refreshToken, [...successors][0], 'and still after 9 s');
});

test('a token is good for its grace even when its successor was rotated too', async () => {
  await users.signUp('quick');
  const first = (await open('quick')).refreshToken;
  const second = (await refresh(first)).body.refreshToken;
  const third = (await refresh(second)).body.refreshToken;
  assert.equal((await refresh(first)).body.refreshToken, second);
  assert.equal((await refresh(second)).body.refreshToken, third);
});

test('a token is not rotated for somebody who has gone: it is good when he comes back, however late', async () => {
  await users.signUp('gone');
  const session = await open('gone');
  const gone = new AbortController();
  const { promise: mayGoOn, resolve: goOn } = Promise.withResolvers<void>();
  const { promise: isLocked, resolve: locked } = Promise.withResolvers<void>();
  // The database stands still for this session.
  const standing = users.db.transaction(async (tx) => {
    await tx.query('SELECT id FROM session WHERE id = $1 FOR UPDATE', [session.sessionId]);
    locked();
    await mayGoOn;
  });
  await isLocked;
  const { authorization } = users.serviceHeaders();
  const asked = fetch(`${users.url}/internal/sessions/refresh`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ refreshToken: session.refreshToken }),
    signal: gone.signal,
  });
  await untilSeen(
    "SELECT count(*) > 0 AS seen FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
  );
  gone.abort();
  await assert.rejects(asked);
  // What arrives later than the end of that connection has been answered.
  for (let turn = 0; turn < 3; turn += 1) await users.ask('GET', '/health/live');
  goOn();
  await standing;
  await untilSeen(
    "SELECT count(*) = 0 AS seen FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND pid <> pg_backend_pid()",
  );
  pass(11);
  assert.equal((await refresh(session.refreshToken)).status, 200);
});

/** Asks the database until it says so. */
async function untilSeen(query: string): Promise<void> {
  const deadline = AbortSignal.timeout(5_000);
  for (;;) {
    const [row] = await users.db.query<{ seen: boolean }>(query);
    if (row!.seen) return;
    deadline.throwIfAborted();
  }
}

test('a token replayed after its grace ends the whole family', async () => {
  await users.signUp('stolen');
  const session = await open('stolen');
  const second = (await refresh(session.refreshToken)).body.refreshToken;
  pass(11);
  const replayed = await refresh(session.refreshToken);
  assert.deepEqual([replayed.status, replayed.body.code], [401, 'USERS_REFRESH_REFUSED']);
  assert.equal((await refresh(second)).status, 401, 'its successor is no good any more');
  assert.ok((await ended()).sessionIds.includes(session.sessionId));
});

test('a token much older than the last one ends the family too', async () => {
  await users.signUp('older');
  const first = (await open('older')).refreshToken;
  let last = first;
  for (let turn = 0; turn < 5; turn++) {
    pass(600);
    last = (await refresh(last)).body.refreshToken;
  }
  assert.equal((await refresh(first)).status, 401);
  assert.equal((await refresh(last)).status, 401);
});

test('a token that was never issued is refused and ends nobody', async () => {
  await users.signUp('guessed');
  const session = await open('guessed');
  for (const token of ['x', 'A'.repeat(64), `${'A'.repeat(22)}${session.refreshToken.slice(22)}`])
    assert.equal((await refresh(token)).status, 401);
  assert.equal((await refresh(session.refreshToken)).status, 200);
});

test('a session lapses after thirty idle days, and after ninety days in any case', async () => {
  await users.signUp('lapses');
  const start = users.clock.now;
  const idle = await open('lapses');
  let used = (await open('lapses')).refreshToken;
  for (let days = 0; days < 80; days += 20) {
    pass(20 * DAY);
    const answer = await refresh(used);
    assert.equal(answer.status, 200);
    used = answer.body.refreshToken;
    assert.equal(answer.body.refreshExpiresInSeconds, Math.min(30, 90 - days - 20) * DAY);
  }
  assert.equal((await refresh(idle.refreshToken)).status, 401);
  pass(10 * DAY);
  assert.equal((await refresh(used)).status, 401);
  users.clock.now = start;
});

test('no token and no family key can be found in the database', async () => {
  await users.signUp('hidden');
  const session = await open('hidden');
  const second = (await refresh(session.refreshToken)).body.refreshToken as string;
  const [row] = await users.db.query<{ text: string }>(
    `SELECT session::text || (SELECT string_agg(rotated_token::text, '') FROM rotated_token WHERE session_id = session.id) AS text
       FROM session WHERE id = $1`,
    [session.sessionId],
  );
  for (const token of [session.refreshToken, second]) {
    const bytes = Buffer.from(token, 'base64url');
    for (const part of [bytes.subarray(0, 16), bytes.subarray(16)])
      assert.ok(!row!.text.includes(part.toString('hex')));
  }
});

test('one session is ended, or all of somebody, and ending again is no error', async () => {
  const eli = await users.signUp('eli');
  const [one, two, three] = [await open('eli'), await open('eli'), await open('eli')];
  const end = async (which: object) => (await users.asService('POST', '/internal/sessions/end', which)).status;
  assert.equal(await end({ sessionId: one.sessionId }), 204);
  assert.equal(await end({ sessionId: one.sessionId }), 204);
  assert.equal((await refresh(one.refreshToken)).status, 401);
  assert.equal((await refresh(two.refreshToken)).status, 200);
  assert.equal(await end({ allOfUser: eli.id }), 204);
  assert.equal((await refresh(three.refreshToken)).status, 401);
  assert.equal(await end({ allOfUser: eli.id, sessionId: one.sessionId }), 400);
  assert.equal(await end({ sessionId: 'x' }), 400);
});

test('what ended beside a transaction that still runs is told at once, and none is missed that commits late', async () => {
  await users.signUp('fay');
  const [early, late] = [await open('fay'), await open('fay')];
  const { cursor } = await ended();
  let told: { sessionIds: string[]; cursor: string } = { sessionIds: [], cursor };
  await users.db.transaction(async (tx) => {
    // its transaction id is given out before the other's, and it commits after
    await tx.query(
      'WITH gone AS (DELETE FROM session WHERE id = $1 RETURNING id) INSERT INTO ended_session (session_id, ended_at) SELECT id, now() FROM gone',
      [late.sessionId],
    );
    await users.asService('POST', '/internal/sessions/end', { sessionId: early.sessionId });
    told = await ended(cursor);
    assert.deepEqual(told.sessionIds, [early.sessionId]);
    assert.deepEqual((await ended(told.cursor)).sessionIds, [early.sessionId], 'told again: the cursor stays behind');
  });
  const rest = await ended(told.cursor);
  assert.deepEqual(rest.sessionIds.sort(), [early.sessionId, late.sessionId].sort());
  assert.deepEqual((await ended(rest.cursor)).sessionIds, []);
});

test('who asks without a cursor is told the last quarter of an hour, with one from another life too', async () => {
  await users.signUp('gil');
  const [old, recent] = [await open('gil'), await open('gil')];
  await users.asService('POST', '/internal/sessions/end', { sessionId: old.sessionId });
  pass(901);
  await users.asService('POST', '/internal/sessions/end', { sessionId: recent.sessionId });
  const fromNothing = await ended();
  assert.ok(fromNothing.sessionIds.includes(recent.sessionId) && !fromNothing.sessionIds.includes(old.sessionId));
  const future = Buffer.from(JSON.stringify(['ended-sessions', '4000000000', '7'])).toString('base64url');
  assert.deepEqual((await ended(future)).sessionIds, fromNothing.sessionIds);
});

test('a password stored with other parameters is stored anew at the next sign-in, and goes on working', async () => {
  const { id } = await users.signUp('weak');
  const weak = await new Passwords({ parameters: { memoryKib: 64, passes: 1, lanes: 1 } }).hash(PASSWORD);
  assert.ok(!isRefusal(weak));
  await users.db.query('UPDATE account SET password_hash = $2 WHERE id = $1', [id, weak]);
  await open('weak');
  const [row] = await users.db.query<{ hash: string }>('SELECT password_hash AS hash FROM account WHERE id = $1', [id]);
  assert.match(row!.hash, /m=19456,t=2,p=1/);
  await open('weak');
});
