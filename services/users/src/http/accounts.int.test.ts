/** Accounts over real HTTP and a real database: signing up, profile, password, deletion. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ownUser, user } from '@switchyard/contracts/users';
import { befriend } from '../commands/friends/befriend.ts';
import { pairOf, subjectOf } from '../domain/pair.ts';
import { lockAccount, lockPair } from '../store/locks.ts';
import { startTestUsers, PASSWORD } from '../test-users.ts';
import type { TestUsers } from '../test-users.ts';

let users: TestUsers;
before(async () => {
  users = await startTestUsers();
});
after(() => users.stop());

const wanted = (handle: string, more: object = {}) => ({
  handle,
  name: handle,
  email: `${handle}@example.org`,
  password: PASSWORD,
  ...more,
});
const signUp = (body: unknown) => users.ask('POST', '/api/users', { body });
const signIn = (login: string, password = PASSWORD) =>
  users.asService('POST', '/internal/sessions', { login, password });
const eventsOf = async (subject: string) =>
  (
    (await users.asService('GET', '/internal/events?limit=1000', undefined, 'feeds')).body.events as {
      subject: string;
      type: string;
      sequence: number;
      data: unknown;
    }[]
  ).filter((event) => event.subject === subject);

test('signing up answers the new account, and everybody signed in can see it without its address', async () => {
  const { status, body } = await signUp(wanted('ann_lee', { name: '  Ann Lee ', email: 'Ann@Example.org' }));
  assert.equal(status, 201);
  assert.deepEqual(ownUser.strict().parse(body), body);
  assert.equal(body.name, 'Ann Lee');
  assert.equal(body.email, 'Ann@Example.org');
  const bob = await users.signUp('bob');
  const seen = await bob.asks('GET', '/api/users/ann_lee');
  assert.deepEqual(user.strict().parse(seen.body), seen.body);
  assert.equal(seen.body.friendship, 'none');
});

test('a taken handle, a taken address in whatever case, and a reserved handle are refused by codes of their own', async () => {
  await users.signUp('carol');
  const conflict = async (body: object) => {
    const answer = await signUp(body);
    return [answer.status, answer.body.code, answer.headers.get('content-type')];
  };
  const problem = 'application/problem+json; charset=utf-8';
  assert.deepEqual(await conflict(wanted('carol', { email: 'x@example.org' })), [409, 'USERS_HANDLE_TAKEN', problem]);
  assert.deepEqual(await conflict(wanted('carola', { email: 'CAROL@EXAMPLE.ORG' })), [
    409,
    'USERS_EMAIL_TAKEN',
    problem,
  ]);
  assert.deepEqual(await conflict(wanted('ad_min')), [409, 'USERS_HANDLE_RESERVED', problem]);
});

test('of many who take one handle at once exactly one gets it', async () => {
  const answers = await Promise.all(
    Array.from({ length: 12 }, (_, n) => signUp(wanted('contested', { email: `contested${n}@example.org` }))),
  );
  const statuses = answers.map((answer) => String(answer.status)).sort();
  assert.deepEqual(statuses, ['201', ...Array.from({ length: 11 }, () => '409')]);
});

test('passwords are stored as argon2id with their parameters, never as they are', async () => {
  const { id } = await users.signUp('secretive');
  const [row] = await users.db.query<{ row: string }>('SELECT account::text AS row FROM account WHERE id = $1', [id]);
  assert.match(row!.row, /\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.ok(!row!.row.includes(PASSWORD));
});

test('one changes name, bio and handle, and is then known by the new ones alone', async () => {
  const dora = await users.signUp('dora');
  const friend = await users.signUp('dora_friend');
  const asked = await dora.asks('POST', '/api/friends/requests', { handle: 'dora_friend' });
  await friend.asks('POST', `/api/friends/requests/${asked.body.id}/accept`);
  const changed = await dora.asks('PATCH', '/api/users/me', { name: 'Dora D', bio: 'One\nTwo', handle: 'dora_d' });
  assert.equal(changed.status, 200);
  assert.deepEqual([changed.body.name, changed.body.bio, changed.body.handle], ['Dora D', 'One\nTwo', 'dora_d']);
  assert.equal((await friend.asks('GET', '/api/users/dora')).status, 404);
  assert.equal((await friend.asks('GET', '/api/users/dora_d')).body.bio, 'One\nTwo');
  assert.deepEqual(
    (await friend.asks('GET', '/api/friends')).body.items.map((item: { handle: string }) => item.handle),
    ['dora_d'],
  );
  assert.deepEqual(
    (await eventsOf(dora.id)).map((event) => [event.type, event.sequence]),
    [
      ['users.user.registered.v1', 1],
      ['users.user.changed.v1', 2],
    ],
  );
});

test('a handle that was given up rests: others get it after ninety days, its last owner at any time', async () => {
  const eve = await users.signUp('eve');
  await eve.asks('PATCH', '/api/users/me', { handle: 'eve_2' });
  assert.equal((await signUp(wanted('eve', { email: 'other@example.org' }))).body.code, 'USERS_HANDLE_TAKEN');
  assert.equal((await eve.asks('PATCH', '/api/users/me', { handle: 'eve' })).status, 200);
  assert.equal((await eve.asks('PATCH', '/api/users/me', { handle: 'eve_3' })).status, 200);
  const then = users.clock.now;
  users.clock.now = new Date(then.getTime() + 91 * 86_400_000);
  try {
    assert.equal((await signUp(wanted('eve', { email: 'other@example.org' }))).status, 201);
  } finally {
    users.clock.now = then;
  }
});

test('changing the handle to a taken or reserved one is refused and changes nothing', async () => {
  const finn = await users.signUp('finn');
  await users.signUp('finn_too');
  assert.equal((await finn.asks('PATCH', '/api/users/me', { handle: 'finn_too', name: 'X' })).status, 409);
  assert.equal((await finn.asks('PATCH', '/api/users/me', { handle: 'support', name: 'X' })).status, 409);
  assert.equal((await finn.asks('GET', '/api/users/me')).body.name, 'finn');
});

test('a new password needs the current one, and ends every session but the one it was changed from', async () => {
  const gus = await users.signUp('gus');
  const sessions = await Promise.all([signIn('gus'), signIn('gus'), signIn('gus')]);
  const [here, ...others] = sessions.map((session) => session.body);
  const change = (passwords: object) =>
    users.ask('PUT', '/api/users/me/password', { body: passwords, headers: users.identityOf(gus, here.sessionId) });
  const wrong = await change({ current: 'not my password', next: 'another long password' });
  assert.deepEqual([wrong.status, wrong.body.code], [403, 'USERS_PASSWORD_WRONG']);
  const { cursor } = (await users.asService('GET', '/internal/sessions/ended')).body;
  assert.equal((await change({ current: PASSWORD, next: 'another long password' })).status, 204);
  assert.equal((await signIn('gus')).status, 401);
  assert.equal((await signIn('gus', 'another long password')).status, 201);
  const refresh = (session: { refreshToken: string }) =>
    users.asService('POST', '/internal/sessions/refresh', { refreshToken: session.refreshToken });
  assert.equal((await refresh(here)).status, 200);
  for (const other of others) assert.equal((await refresh(other)).status, 401);
  const ended = await users.asService('GET', `/internal/sessions/ended?after=${cursor}`);
  assert.deepEqual(new Set(ended.body.sessionIds), new Set(others.map((other) => other.sessionId)));
  assert.equal(ended.body.sessionIds.length, 2);
});

test('a deleted account is gone everywhere: profile, friends, requests, blocks, sessions, events', async () => {
  const [hal, ida, jon, kim] = await Promise.all(['hal', 'ida', 'jon', 'kim'].map((handle) => users.signUp(handle)));
  const asked = await hal!.asks('POST', '/api/friends/requests', { handle: 'ida' });
  await ida!.asks('POST', `/api/friends/requests/${asked.body.id}/accept`);
  await hal!.asks('POST', '/api/friends/requests', { handle: 'jon' });
  await kim!.asks('PUT', '/api/users/hal/block');
  const session = (await signIn('hal')).body;

  assert.equal((await hal!.asks('DELETE', '/api/users/me', { password: 'not my password' })).status, 403);
  assert.equal((await hal!.asks('DELETE', '/api/users/me', { password: PASSWORD })).status, 204);

  assert.equal((await ida!.asks('GET', '/api/users/hal')).status, 404);
  assert.deepEqual((await ida!.asks('GET', '/api/friends')).body.items, []);
  assert.deepEqual((await jon!.asks('GET', '/api/friends/requests')).body.items, []);
  assert.deepEqual((await kim!.asks('GET', '/api/users/me/blocks')).body.items, []);
  assert.deepEqual((await ida!.asks('GET', '/api/users?query=hal')).body.items, []);
  assert.equal((await signIn('hal')).status, 401);
  const refreshed = await users.asService('POST', '/internal/sessions/refresh', { refreshToken: session.refreshToken });
  assert.equal(refreshed.status, 401);
  assert.ok((await users.asService('GET', '/internal/sessions/ended')).body.sessionIds.includes(session.sessionId));
  assert.deepEqual(
    (await eventsOf(hal!.id)).map((event) => [event.type, event.data]),
    [
      ['users.user.registered.v1', null],
      ['users.user.deleted.v1', { userId: hal!.id }],
    ],
  );
  const pair = [hal!.id, ida!.id].sort().join(':');
  assert.deepEqual(
    (await eventsOf(pair)).map((event) => [event.type, event.data]),
    [['users.friendship.started.v1', null]],
  );
  const tables = await users.db.query<{ name: string; column: string }>(
    `SELECT table_name AS name, column_name AS column FROM information_schema.columns
      WHERE table_schema = 'public' AND data_type = 'uuid' AND table_name NOT LIKE 'event%'`,
  );
  for (const { name, column } of tables)
    assert.deepEqual(await users.db.query(`SELECT 1 FROM ${name} WHERE ${column} = $1`, [hal!.id]), [], name);
});

/** Resolves when some transaction waits for a lock that another one holds. */
async function untilSomebodyWaits(): Promise<void> {
  for (const until = Date.now() + 10_000; Date.now() < until;) {
    if ((await users.db.query('SELECT 1 FROM pg_locks WHERE NOT granted')).length > 0) return;
  }
  assert.fail('nobody waited');
}

test('a friendship that begins while one account is being deleted goes with it, its event erased', async () => {
  const [liv, mio] = await Promise.all([users.signUp('liv'), users.signUp('mio')]);
  const pair = pairOf(liv.id, mio.id);
  let deleted: Promise<{ status: number }> | undefined;
  await users.db.transaction(async (tx) => {
    await lockPair(tx, pair);
    await befriend(tx, pair, { requestId: mio.id, by: mio.id, now: users.clock.now });
    deleted = liv.asks('DELETE', '/api/users/me', { password: PASSWORD });
    await untilSomebodyWaits();
  });
  assert.equal((await deleted!).status, 204);
  assert.deepEqual((await mio.asks('GET', '/api/friends')).body.items, []);
  assert.deepEqual(
    (await eventsOf(subjectOf(pair))).map((event) => [event.type, event.data]),
    [['users.friendship.started.v1', null]],
  );
});

test('a sign-in whose password is changed while it goes on opens no session', async () => {
  const ned = await users.signUp('ned');
  let signedIn: Promise<{ status: number }> | undefined;
  await users.db.transaction(async (tx) => {
    await lockAccount(tx, ned.id);
    signedIn = signIn('ned');
    await untilSomebodyWaits();
    await tx.query('UPDATE account SET password_hash = $2 WHERE id = $1', [ned.id, 'another']);
  });
  assert.equal((await signedIn!).status, 401);
  assert.deepEqual(await users.db.query('SELECT 1 FROM session WHERE account_id = $1', [ned.id]), []);
});

test('the handle of a deleted account rests, its email address is free at once', async () => {
  const lea = await users.signUp('lea');
  await lea.asks('DELETE', '/api/users/me', { password: PASSWORD });
  assert.equal((await signUp(wanted('lea', { email: 'new@example.org' }))).body.code, 'USERS_HANDLE_TAKEN');
  assert.equal((await signUp(wanted('lea_new', { email: 'lea@example.org' }))).status, 201);
});

test('a token that outlives its account opens nothing', async () => {
  const max = await users.signUp('max');
  const nia = await users.signUp('nia');
  await max.asks('DELETE', '/api/users/me', { password: PASSWORD });
  for (const [method, path, body] of [
    ['GET', '/api/users/me'],
    ['PATCH', '/api/users/me', { name: 'Max' }],
    ['DELETE', '/api/users/me', { password: PASSWORD }],
    ['POST', '/api/friends/requests', { handle: 'nia' }],
    ['PUT', '/api/users/nia/block'],
  ] as const)
    assert.equal((await max.asks(method, path, body)).status, 401, `${method} ${path}`);
  assert.deepEqual((await nia.asks('GET', '/api/friends/requests')).body.items, []);
});

test('without a valid identity every call but signing up is refused with 401', async () => {
  const calls = [
    ['GET', '/api/users'],
    ['GET', '/api/users/me'],
    ['GET', '/api/users/carol'],
    ['GET', '/api/friends'],
    ['GET', '/api/friends/suggestions'],
    ['POST', '/api/friends/requests'],
  ] as const;
  for (const headers of [{}, { 'x-switchyard-identity': 'a.b.c' }]) {
    for (const [method, path] of calls) {
      const answer = await users.ask(method, path, { headers });
      assert.deepEqual([answer.status, answer.body.code], [401, 'REQUEST_NOT_SIGNED_IN'], `${method} ${path}`);
    }
  }
});
