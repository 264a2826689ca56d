/** The application through its door: what friends see of each other, what nobody else sees, and what bad input gets. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Post } from '@switchyard/contracts/feeds';
import type { Problem } from '@switchyard/contracts/problem';
import type { User } from '@switchyard/contracts/users';
import { ApiClient, ApiError } from '@switchyard/demo/api-client';
import { inParallel, load } from '@switchyard/demo/load';
import { smallScript } from '@switchyard/demo/script';
import { personNumbered } from '@switchyard/demo/cast';
import { befriend, somebody } from './people.ts';
import { FeedStream } from './feed-stream.ts';
import { eventually, YardUnderTest } from './yard-under-test.ts';

let yard: YardUnderTest;
before(async () => {
  yard = await YardUnderTest.create();
  await yard.up();
});
after(() => yard.remove());

const refusedWith = (status: number, code?: string) => (error: unknown) => {
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, status, error.message);
  if (code !== undefined) assert.equal(error.problem.code, code);
  return true;
};
/** Every route by which a post can be seen or touched. */
const waysToAPost = (post: Post, author: string) =>
  [
    ['GET', `/api/posts/${post.id}`],
    ['GET', `/api/posts/${post.id}/comments`],
    ['PUT', `/api/posts/${post.id}/like`],
    ['DELETE', `/api/posts/${post.id}/like`],
    ['POST', `/api/posts/${post.id}/comments`, { text: 'me too' }],
    ['PATCH', `/api/posts/${post.id}`, { text: 'mine now' }],
    ['DELETE', `/api/posts/${post.id}`],
    ['GET', `/api/posts?author=${author}`],
    ['GET', '/api/feed'],
  ] as const;

async function assertSeesNothing(api: ApiClient, post: Post, author: string, status: number): Promise<void> {
  for (const [method, path, body] of waysToAPost(post, author)) {
    try {
      const answer = await api.call<{ items?: Post[] }>(method, path, body);
      assert.ok(Array.isArray(answer?.items), `${method} ${path} answered`);
      assert.ok(!answer.items.some((item) => item.id === post.id), `${method} ${path} shows the post`);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      assert.ok(error instanceof ApiError, String(error));
      assert.equal(error.status, status, `${method} ${path}`);
    }
  }
}

test('friends see, like and comment on each other’s posts, and the feed brings them live', async () => {
  const [ada, ben] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'ben')];
  await befriend(ada, ben);
  const stream = await FeedStream.open(yard.origin, ben.api.token!);
  const post = await ada.api.call<Post>('POST', '/api/posts', { text: 'hello from the first track' });
  assert.equal((await stream.next((one) => one.id === post.id)).text, post.text);
  stream.close();
  assert.deepEqual({ ...post.author }, { id: ada.id, handle: ada.handle, name: ada.name });
  await ben.api.call('PUT', `/api/posts/${post.id}/like`);
  await ben.api.call('PUT', `/api/posts/${post.id}/like`);
  const comment = await ben.api.call<{ id: string }>('POST', `/api/posts/${post.id}/comments`, { text: 'well said' });
  const seen = await ben.api.call<Post>('GET', `/api/posts/${post.id}`);
  assert.deepEqual([seen.likes, seen.liked, seen.comments], [1, true, 1]);
  const feed = await ben.api.call<{ items: Post[] }>('GET', '/api/feed');
  assert.equal(feed.items[0]?.id, post.id);
  await assert.rejects(ben.api.call('PATCH', `/api/posts/${post.id}`, { text: 'mine' }), ApiError);
  await ada.api.call('DELETE', `/api/posts/${post.id}/comments/${comment.id}`);
  assert.equal((await ada.api.call<Post>('GET', `/api/posts/${post.id}`)).comments, 0);
});

test('a feed stream resumes after its last event and misses nothing', async () => {
  const [ada, ben] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'ben')];
  await befriend(ada, ben);
  const first = await FeedStream.open(yard.origin, ben.api.token!);
  const before = await ada.api.call<Post>('POST', '/api/posts', { text: 'while you listen' });
  await first.next((post) => post.id === before.id);
  first.close();
  const missed = await ada.api.call<Post>('POST', '/api/posts', { text: 'while you are away' });
  const second = await FeedStream.open(yard.origin, ben.api.token!, first.lastEventId);
  assert.equal((await second.next((post) => post.id === missed.id)).text, missed.text);
  second.close();
});

test('somebody who is no friend sees nothing of a post by any route', async () => {
  const [ada, eve] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'eve')];
  const post = await ada.api.call<Post>('POST', '/api/posts', { text: 'for friends' });
  await assertSeesNothing(eve.api, post, ada.handle, 404);
});

test('an ended friendship takes effect in feeds within a second or so, and so does a block', async () => {
  for (const way of ['end', 'block'] as const) {
    const [ada, eve] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'eve')];
    await befriend(ada, eve);
    const post = await ada.api.call<Post>('POST', '/api/posts', { text: 'among friends' });
    await eventually('the post is in the feed', async () =>
      (await eve.api.call<{ items: Post[] }>('GET', '/api/feed')).items.some((item) => item.id === post.id),
    );
    await (way === 'end'
      ? ada.api.call('DELETE', `/api/friends/${eve.handle}`)
      : ada.api.call('PUT', `/api/users/${eve.handle}/block`));
    await eventually(
      'the post is out of sight',
      () =>
        eve.api.call('GET', `/api/posts/${post.id}`).then(
          () => false,
          () => true,
        ),
      5_000,
    );
    await assertSeesNothing(eve.api, post, ada.handle, 404);
    if (way === 'block') {
      await assert.rejects(eve.api.call('GET', `/api/users/${ada.handle}`), refusedWith(404));
      await assert.rejects(eve.api.call('POST', '/api/friends/requests', { handle: ada.handle }), refusedWith(404));
    }
  }
});

test('somebody who is signed out sees nothing, also with the token of before', async () => {
  const ada = await somebody(yard.origin, 'ada');
  const post = await ada.api.call<Post>('POST', '/api/posts', { text: 'to myself' });
  const stream = await FeedStream.open(yard.origin, ada.api.token!);
  await assertSeesNothing(new ApiClient(yard.origin), post, ada.handle, 401);
  await ada.api.call('DELETE', '/api/session');
  await assertSeesNothing(ada.api, post, ada.handle, 401);
  await stream.ended;
});

test('a deleted account takes its posts, comments, likes and name with it everywhere', async () => {
  const [ada, ben] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'ben')];
  await befriend(ada, ben);
  const post = await ada.api.call<Post>('POST', '/api/posts', { text: 'soon gone' });
  const kept = await ben.api.call<Post>('POST', '/api/posts', { text: 'stays' });
  await eventually('the friend may comment', () =>
    ada.api.call('POST', `/api/posts/${kept.id}/comments`, { text: 'soon gone too' }),
  );
  await ada.api.call('PUT', `/api/posts/${kept.id}/like`);
  await assert.rejects(ada.api.call('DELETE', '/api/users/me', { password: 'not the password' }), ApiError);
  await ada.api.call('DELETE', '/api/users/me', { password: ada.password });
  await eventually('everything of it is gone', async () => {
    const left = await ben.api.call<Post>('GET', `/api/posts/${kept.id}`);
    const comments = await ben.api.call<{ items: unknown[] }>('GET', `/api/posts/${kept.id}/comments`);
    const feed = await ben.api.call<{ items: Post[] }>('GET', '/api/feed');
    return (
      left.likes === 0 &&
      left.comments === 0 &&
      comments.items.length === 0 &&
      !feed.items.some((item) => item.id === post.id)
    );
  });
  await assert.rejects(ben.api.call('GET', `/api/users/${ada.handle}`), refusedWith(404));
  await assert.rejects(ada.api.signIn(ada.handle, ada.password), refusedWith(401));
  assert.deepEqual((await ben.api.call<{ items: User[] }>('GET', '/api/friends')).items, []);
});

test('a crossing request makes friends at once, and suggestions are friends of friends', async () => {
  const [ada, ben, cy] = [
    await somebody(yard.origin, 'ada'),
    await somebody(yard.origin, 'ben'),
    await somebody(yard.origin, 'cy_'),
  ];
  for (const [a, b] of [
    [ada, ben],
    [ben, cy],
  ] as const) {
    await a.api.call('POST', '/api/friends/requests', { handle: b.handle });
    await b.api.call('POST', '/api/friends/requests', { handle: a.handle });
  }
  const { items } = await ada.api.call<{ items: (User & { commonFriends: number })[] }>(
    'GET',
    '/api/friends/suggestions',
  );
  assert.deepEqual(
    items.map((item) => [item.handle, item.commonFriends]),
    [[cy.handle, 1]],
  );
});

test('a mention of a person is resolved by asking the service that knows people', async () => {
  const [ada, ben] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'ben')];
  const post = await ada.api.call<Post>('POST', '/api/posts', {
    text: `have you met @${ben.handle}? and @nobody_of_that_name`,
  });
  assert.deepEqual(
    post.mentions.map((person) => person.id),
    [ben.id],
  );
});

test('every kind of bad body, cursor and id gets a problem that names the fault', async () => {
  const ada = await somebody(yard.origin, 'ada');
  const send = async (body: string | Uint8Array<ArrayBuffer>, contentType = 'application/json') => {
    const response = await fetch(`${yard.origin}/api/posts`, {
      method: 'POST',
      headers: { 'content-type': contentType, authorization: `Bearer ${ada.api.token}` },
      body,
    });
    assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/);
    return { status: response.status, problem: (await response.json()) as Problem };
  };
  const cases: [string, string | Uint8Array<ArrayBuffer>, number, string?][] = [
    ['wrong type', '{"text": 7}', 400],
    ['too long', JSON.stringify({ text: 'x'.repeat(501) }), 400],
    ['blank', '{"text": "   "}', 400],
    ['unknown field', '{"text": "x", "likes": 9000}', 400],
    ['missing field', '{}', 400],
    ['not an object', '[]', 400],
    ['NUL', '{"text": "a\\u0000b"}', 400],
    ['lone surrogate', '{"text": "a\\ud800b"}', 400],
    ['broken JSON', '{"text": ', 400],
    ['broken UTF-8', new Uint8Array([0x7b, 0x22, 0x74, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]), 400],
    ['too large', JSON.stringify({ text: 'x'.repeat(2_000_000) }), 413],
    ['not JSON at all', 'text=hello', 415, 'application/x-www-form-urlencoded'],
  ];
  for (const [what, body, status, contentType] of cases) {
    const answer = await send(body, contentType);
    assert.equal(answer.status, status, what);
    assert.equal(answer.problem.status, status, what);
    assert.ok(answer.problem.code.length > 0 && answer.problem.title.length > 0, what);
  }
  for (const path of [
    '/api/feed?cursor=never-issued',
    '/api/feed?limit=0',
    '/api/feed?limit=101',
    '/api/feed?limit=x',
    '/api/feed?page=2',
    '/api/posts',
    '/api/posts?author=NOT%20A%20HANDLE',
    '/api/posts/not-an-id',
    '/api/users?cursor=e30',
    '/api/friends/requests?direction=sideways',
  ]) {
    await assert.rejects(ada.api.call('GET', path), refusedWith(400), path);
  }
  await assert.rejects(ada.api.call('GET', '/api/posts/01890000-0000-7000-8000-000000000000'), refusedWith(404));
  await assert.rejects(
    ada.api.call('POST', '/api/friends/requests/01890000-0000-7000-8000-000000000000/accept'),
    refusedWith(404),
  );
  await assert.rejects(ada.api.call('GET', '/api/users/nobody_of_that_name'), refusedWith(404));
  assert.deepEqual((await ada.api.call<{ items: Post[] }>('GET', '/api/feed')).items, []);
});

test('a loaded graph gives each person the feed that graph and posts say, and loading again changes nothing', async () => {
  const script = smallScript();
  const output = { write: () => true };
  const { clients, created } = await load(script, { origin: yard.origin, output });
  assert.deepEqual(created, {
    people: script.people.length,
    friendships: script.friendships.length,
    posts: script.posts.length,
  });
  assert.deepEqual((await load(script, { origin: yard.origin, output })).created, {
    people: 0,
    friendships: 0,
    posts: 0,
  });
  await inParallel([...clients], 4, undefined, async ([number, client]) => {
    const circle = new Set([number, ...script.friendships.filter((pair) => pair.includes(number)).flat()]);
    const expected = script.posts
      .filter((post) => circle.has(post.author))
      .map((post) => `${personNumbered(post.author).handle}: ${post.text}`);
    await eventually(`the feed of person ${number}`, async () => {
      const feed = await client.all<Post>('/api/feed');
      const ids = feed.map((post) => post.id);
      assert.deepEqual(ids, ids.toSorted().toReversed(), 'newest first');
      assert.deepEqual(feed.map((post) => `${post.author.handle}: ${post.text}`).toSorted(), expected.toSorted());
      return true;
    });
  });
});
