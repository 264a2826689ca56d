/** Friends, requests and blocks over real HTTP: what each side sees, and what happens when both act at once. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FRIENDS_MAX, askedFriend, friendRequest, user } from '@switchyard/contracts/users';
import { usersEvents } from '@switchyard/contracts/users-events';
import { startTestUsers, PASSWORD } from '../test-users.ts';
import type { Answer, TestPerson, TestUsers } from '../test-users.ts';

let users: TestUsers;
before(async () => {
  users = await startTestUsers();
});
after(() => users.stop());

let made = 0;
/** Two strangers. */
const two = async (): Promise<[TestPerson, TestPerson]> => {
  const pair = ++made;
  return Promise.all([users.signUp(`left_${pair}`), users.signUp(`right_${pair}`)]);
};
const ask = (from: TestPerson, to: { handle: string }) =>
  from.asks('POST', '/api/friends/requests', { handle: to.handle });
const accept = (by: TestPerson, id: string) => by.asks('POST', `/api/friends/requests/${id}/accept`);
const friends = async (of: TestPerson): Promise<string[]> =>
  (await of.asks('GET', '/api/friends')).body.items.map((item: { handle: string }) => item.handle);
const incoming = async (of: TestPerson) => (await of.asks('GET', '/api/friends/requests')).body.items;
const seenAs = async (by: TestPerson, other: TestPerson): Promise<string | number> => {
  const answer = await by.asks('GET', `/api/users/${other.handle}`);
  return answer.status === 200 ? answer.body.friendship : answer.status;
};
const befriended = async (): Promise<[TestPerson, TestPerson]> => {
  const [left, right] = await two();
  await accept(right, (await ask(left, right)).body.id);
  return [left, right];
};
/** What the log says happened between two people, in order; sequences are checked to have no gap. */
const told = async (one: TestPerson, other: TestPerson): Promise<string[]> => {
  const subject = [one.id, other.id].sort().join(':');
  const rows = await users.db.query<{ type: string; sequence: number; data: unknown }>(
    'SELECT type, sequence, data FROM event_outbox WHERE subject = $1 ORDER BY tx, id',
    [subject],
  );
  assert.deepEqual(
    rows.map((row) => row.sequence),
    rows.map((_, index) => index + 1),
  );
  for (const row of rows)
    Object.values(usersEvents)
      .find((event) => event.type === row.type)!
      .data.parse(row.data);
  return rows.map((row) => row.type.split('.').slice(1, 3).join(' '));
};
const codes = (...answers: Answer[]) => answers.map((answer) => answer.body?.code ?? answer.status);

test('a request is seen by both, accepted by who was asked, and makes friends of both', async () => {
  const [left, right] = await two();
  const asked = await ask(left, right);
  assert.equal(asked.status, 201);
  assert.equal(askedFriend.strict().parse(asked.body).status, 'requested');
  assert.deepEqual([await seenAs(left, right), await seenAs(right, left)], ['outgoing', 'incoming']);
  const [request] = await incoming(right);
  assert.deepEqual(friendRequest.strict().parse(request), request);
  assert.deepEqual([request.from.handle, request.to.handle], [left.handle, right.handle]);
  assert.deepEqual((await left.asks('GET', '/api/friends/requests?direction=outgoing')).body.items, [request]);

  const accepted = await accept(right, request.id);
  assert.equal(accepted.status, 200);
  assert.equal(user.strict().parse(accepted.body).friendship, 'friends');
  assert.deepEqual([await friends(left), await friends(right)], [[right.handle], [left.handle]]);
  assert.deepEqual(await incoming(right), []);
  assert.deepEqual(await told(left, right), ['friendship started']);
});

test('only who was asked may accept, either may drop it, and a stranger sees nothing of it', async () => {
  const [left, right] = await two();
  const stranger = await users.signUp(`stranger_${made}`);
  const { id } = (await ask(left, right)).body;
  assert.deepEqual(codes(await accept(left, id), await accept(stranger, id)), [
    'USERS_REQUEST_UNKNOWN',
    'USERS_REQUEST_UNKNOWN',
  ]);
  const drop = (by: TestPerson, which: string) => by.asks('DELETE', `/api/friends/requests/${which}`);
  assert.equal((await drop(stranger, id)).status, 404);
  assert.equal((await drop(right, id)).status, 204);
  assert.equal((await drop(right, id)).status, 404);
  const again = (await ask(left, right)).body.id;
  assert.equal((await drop(left, again)).status, 204);
  assert.deepEqual(await told(left, right), [], 'declining is silent');
});

test('asking a friend, oneself, nobody, or again is refused', async () => {
  const [left, right] = await befriended();
  const other = await users.signUp(`other_${made}`);
  await ask(left, other);
  assert.deepEqual(
    codes(
      await ask(left, right),
      await ask(left, left),
      await ask(left, { handle: 'nobody_here' }),
      await ask(left, other),
    ),
    ['USERS_ALREADY_FRIENDS', 'USERS_SELF', 'USERS_USER_UNKNOWN', 'USERS_ALREADY_REQUESTED'],
  );
});

test('a friendship is ended by either side, once', async () => {
  const [left, right] = await befriended();
  assert.equal((await right.asks('DELETE', `/api/friends/${left.handle}`)).status, 204);
  assert.deepEqual(codes(await right.asks('DELETE', `/api/friends/${left.handle}`)), ['USERS_NOT_FRIENDS']);
  assert.deepEqual(codes(await left.asks('DELETE', '/api/friends/nobody_here')), ['USERS_NOT_FRIENDS']);
  assert.deepEqual([await friends(left), await seenAs(left, right)], [[], 'none']);
  assert.deepEqual(await told(left, right), ['friendship started', 'friendship ended']);
});

test('requests that cross make friends at once, however close they come', async () => {
  for (let round = 0; round < 10; round++) {
    const [left, right] = await two();
    const answers = await Promise.all([ask(left, right), ask(right, left)]);
    assert.deepEqual(answers.map((answer) => `${answer.status} ${answer.body.status}`).sort(), [
      '201 friends',
      '201 requested',
    ]);
    assert.deepEqual([await seenAs(left, right), await seenAs(right, left)], ['friends', 'friends']);
    assert.deepEqual(await told(left, right), ['friendship started']);
  }
});

test('accepting twice, one after the other or at once, is one friendship and the same answer', async () => {
  const [left, right] = await two();
  const { id } = (await ask(left, right)).body;
  const answers = await Promise.all([accept(right, id), accept(right, id), accept(right, id)]);
  answers.push(await accept(right, id));
  const [first] = answers;
  for (const answer of answers) assert.deepEqual([answer.status, answer.body], [200, first.body]);
  assert.deepEqual(await told(left, right), ['friendship started']);
});

test('of accepting and taking back at once exactly one happens', async () => {
  for (let round = 0; round < 10; round++) {
    const [left, right] = await two();
    const { id } = (await ask(left, right)).body;
    const [accepted, dropped] = await Promise.all([
      accept(right, id),
      left.asks('DELETE', `/api/friends/requests/${id}`),
    ]);
    const outcome = `${accepted.status} ${dropped.status}`;
    assert.ok(['200 404', '404 204'].includes(outcome), outcome);
    const both = [await seenAs(left, right), await seenAs(right, left)];
    assert.deepEqual(both, outcome === '200 404' ? ['friends', 'friends'] : ['none', 'none']);
  }
});

test('a block ends friendship and hides both from each other, by every way there is', async () => {
  const [left, right] = await befriended();
  const common = await users.signUp(`common_${made}`);
  for (const one of [left, right]) await accept(common, (await ask(one, common)).body.id);
  assert.equal((await left.asks('PUT', `/api/users/${right.handle}/block`)).status, 204);
  for (const [one, other] of [
    [left, right],
    [right, left],
  ] as const) {
    assert.equal(await seenAs(one, other), 404);
    assert.deepEqual(await friends(one), [common.handle]);
    assert.deepEqual((await one.asks('GET', `/api/users?query=${other.handle}`)).body.items, []);
    assert.deepEqual((await one.asks('GET', '/api/friends/suggestions')).body.items, []);
    assert.deepEqual(codes(await ask(one, other)), ['USERS_USER_UNKNOWN']);
  }
  const blocks = (await left.asks('GET', '/api/users/me/blocks')).body.items;
  assert.deepEqual(blocks, [{ id: right.id, handle: right.handle, name: right.name }]);
  assert.deepEqual((await right.asks('GET', '/api/users/me/blocks')).body.items, [], 'and who was blocked is not told');
  assert.deepEqual(await told(left, right), ['friendship started', 'friendship ended', 'block placed']);

  assert.equal((await left.asks('PUT', `/api/users/${right.handle}/block`)).status, 204, 'again changes nothing');
  assert.equal((await right.asks('DELETE', `/api/users/${left.handle}/block`)).status, 404);
  assert.equal((await left.asks('DELETE', `/api/users/${right.handle}/block`)).status, 204);
  assert.equal((await left.asks('DELETE', `/api/users/${right.handle}/block`)).status, 204);
  assert.deepEqual([await seenAs(left, right), await seenAs(right, left)], ['none', 'none']);
  assert.equal((await told(left, right)).at(-1), 'block lifted');
});

test('a block takes open requests with it, in either direction', async () => {
  const [left, right] = await two();
  await ask(left, right);
  await right.asks('PUT', `/api/users/${left.handle}/block`);
  assert.deepEqual((await left.asks('GET', '/api/friends/requests?direction=outgoing')).body.items, []);
  assert.deepEqual(await incoming(right), []);
});

test('one cannot block oneself or nobody', async () => {
  const [left] = await two();
  assert.deepEqual(
    codes(
      await left.asks('PUT', `/api/users/${left.handle}/block`),
      await left.asks('PUT', '/api/users/nobody_here/block'),
      await left.asks('DELETE', '/api/users/nobody_here/block'),
    ),
    ['USERS_SELF', 'USERS_USER_UNKNOWN', 'USERS_USER_UNKNOWN'],
  );
});

test('a block during an accept leaves no friendship, and the log says so', async () => {
  for (let round = 0; round < 10; round++) {
    const [left, right] = await two();
    const { id } = (await ask(left, right)).body;
    const [, blocked] = await Promise.all([accept(right, id), left.asks('PUT', `/api/users/${right.handle}/block`)]);
    assert.equal(blocked.status, 204);
    assert.deepEqual([await friends(left), await friends(right)], [[], []]);
    const happened = (await told(left, right)).join(', ');
    assert.ok(['friendship started, friendship ended, block placed', 'block placed'].includes(happened), happened);
  }
});

test('two who block each other at once do not wait for each other', async () => {
  for (let round = 0; round < 5; round++) {
    const [left, right] = await befriended();
    const answers = await Promise.all([
      left.asks('PUT', `/api/users/${right.handle}/block`),
      right.asks('PUT', `/api/users/${left.handle}/block`),
    ]);
    assert.deepEqual(answers.map((answer) => String(answer.status)).sort(), ['204', '404']);
  }
});

test('an account deleted while somebody accepts its request leaves nothing behind', async () => {
  for (let round = 0; round < 5; round++) {
    const [left, right] = await two();
    const { id } = (await ask(left, right)).body;
    const [accepted, deleted] = await Promise.all([
      accept(right, id),
      left.asks('DELETE', '/api/users/me', { password: PASSWORD }),
    ]);
    assert.equal(deleted.status, 204);
    assert.ok([200, 404].includes(accepted.status), String(accepted.status));
    assert.deepEqual([await friends(right), await seenAs(right, left)], [[], 404]);
  }
});

test('a tangle of people acting on each other at once ends without deadlock, every friendship whole', async () => {
  const crowd = await Promise.all(Array.from({ length: 6 }, (_, n) => users.signUp(`crowd_${n}`)));
  const acts = Array.from({ length: 300 }, (_, n) => {
    const one = crowd[n % 6]!;
    const other = crowd[(n * 7 + 1 + Math.floor(n / 6)) % 6]!;
    if (one === other) return () => one.asks('PATCH', '/api/users/me', { name: `${one.handle} ${n}` });
    return n % 5 === 4 ? () => one.asks('DELETE', `/api/friends/${other.handle}`) : () => ask(one, other);
  });
  const statuses = await Promise.all(acts.map((act) => act().then((answer) => answer.status)));
  assert.deepEqual(
    statuses.filter((status) => status >= 500),
    [],
  );
  const [halves] = await users.db.query<{ count: number }>(
    `SELECT count(*) AS count FROM friendship one WHERE NOT EXISTS
       (SELECT FROM friendship other WHERE other.user_id = one.friend_id AND other.friend_id = one.user_id)`,
  );
  assert.equal(halves!.count, 0);
  for (const one of crowd) {
    for (const other of crowd) {
      if (one.id >= other.id) continue;
      const last = (await told(one, other)).at(-1);
      assert.equal((await seenAs(one, other)) === 'friends', last === 'friendship started');
    }
  }
});

test('nobody gets more friends than the most, not even by two accepts at once', async () => {
  const [popular, first] = await two();
  const [second] = await two();
  await users.db.query(
    `INSERT INTO account (id, handle, name, email, password_hash, created_at)
     SELECT md5(n::text)::uuid, 'fan_' || n, 'Fan', 'fan' || n || '@example.org', '', now() FROM generate_series(1, $1::int) n`,
    [FRIENDS_MAX - 1],
  );
  await users.db.query(
    `INSERT INTO friendship (user_id, friend_id, friend_handle, started_at)
     SELECT $1, id, handle, now() FROM account WHERE handle LIKE 'fan\\_%'
     UNION ALL SELECT id, $1, $2, now() FROM account WHERE handle LIKE 'fan\\_%'`,
    [popular.id, popular.handle],
  );
  const requests = [(await ask(first, popular)).body.id, (await ask(second, popular)).body.id];
  const answers = await Promise.all(requests.map((id) => accept(popular, id)));
  assert.deepEqual(answers.map((answer) => String(answer.status)).sort(), ['200', '409']);
  const third = await users.signUp(`third_${made}`);
  assert.deepEqual(codes(await ask(third, popular)), ['USERS_TOO_MANY_FRIENDS']);
  const refused = answers.findIndex((answer) => answer.status === 409);
  assert.equal((await incoming(popular)).length, 1, 'the request that could not be accepted is still there');
  await popular.asks('DELETE', `/api/friends/${refused === 0 ? second.handle : first.handle}`);
  assert.equal((await accept(popular, requests[refused])).status, 200);
});

test('friends and requests come in pages that end, each once', async () => {
  const hub = await users.signUp('hub');
  const spokes = await Promise.all(Array.from({ length: 7 }, (_, n) => users.signUp(`spoke_${n}`)));
  for (const spoke of spokes) await ask(spoke, hub);
  const all = async (path: string): Promise<{ id: string; handle: string }[]> => {
    const items = [];
    for (let cursor = ''; ;) {
      const { body } = await hub.asks('GET', `${path}?limit=3${cursor}`);
      assert.ok(body.items.length <= 3);
      items.push(...body.items);
      if (body.nextCursor === null) return items;
      cursor = `&cursor=${body.nextCursor}`;
    }
  };
  const requests = await all('/api/friends/requests');
  assert.equal(new Set(requests.map((request) => request.id)).size, 7);
  for (const { id } of requests) await accept(hub, id);
  assert.deepEqual(
    (await all('/api/friends')).map((friend) => friend.handle),
    spokes.map((spoke) => spoke.handle).sort(),
  );
  for (const spoke of spokes) await hub.asks('PUT', `/api/users/${spoke.handle}/block`);
  assert.deepEqual(
    (await all('/api/users/me/blocks')).map((person) => person.handle),
    spokes.map((spoke) => spoke.handle).toReversed(),
  );
});

test('people are found by the beginning of any word, whole words first, each once and page by page', async () => {
  const names = { zz_anna: 'Anna Annabel', zz_ann: 'Ann', zz_bo: 'Bo Anders', zz_cy: 'Cy Annan', zz_di: 'Di Other' };
  for (const [handle, name] of Object.entries(names)) await users.signUp(handle, { name });
  const searcher = await users.signUp('searcher');
  const search = async (query: string) => {
    const found: string[] = [];
    for (let cursor = ''; ;) {
      const { body } = await searcher.asks('GET', `/api/users?limit=1&query=${encodeURIComponent(query)}${cursor}`);
      found.push(...body.items.map((item: { handle: string }) => item.handle));
      if (body.nextCursor === null) return found;
      cursor = `&cursor=${body.nextCursor}`;
    }
  };
  assert.deepEqual(await search('ann'), ['zz_ann', 'zz_anna', 'zz_cy']);
  assert.deepEqual(await search('AN bo'), ['zz_bo']);
  assert.deepEqual(await search('@zz_di'), ['zz_di']);
  assert.deepEqual(await search('nobody at all'), []);
  assert.equal((await searcher.asks('GET', '/api/users?limit=100')).body.items.length, 100);
});
