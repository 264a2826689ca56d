/** Posts, likes and comments over HTTP: who sees what, what bad input gets, and what goes on when Users is away. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Comment, Post } from '@switchyard/contracts/feeds';
import { pageOf } from '@switchyard/contracts/page';
import { comment, post } from '@switchyard/contracts/feeds';
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import { uuidv7 } from '@switchyard/kit/ids';
import { assertNoDrift } from '@switchyard/kit/openapi';
import { mountedOperations } from '../documents.ts';
import { startTestFeeds } from '../test-feeds.ts';
import type { Answer, Items, TestFeeds, TestPerson } from '../test-feeds.ts';

describe('posts', () => {
  let feeds: TestFeeds;
  before(async () => {
    feeds = await startTestFeeds();
  });
  after(() => feeds.stop());

  const trio = async () => {
    const [ada, ben, eve] = [await feeds.person(), await feeds.person(), await feeds.person()];
    await feeds.users.befriended(ada, ben);
    await feeds.settled();
    return { ada, ben, eve };
  };
  const codeOf = async (asked: Promise<Answer>) => {
    const { status, body, headers } = await asked;
    if (status < 400) return [status];
    assert.match(headers.get('content-type') ?? '', /^application\/problem\+json/);
    return [status, body['code']];
  };
  const read = async (who: TestPerson, id: string) => (await who.asks<Post>('GET', `/api/posts/${id}`)).body;

  it('have the form of the contract on every way out', async () => {
    const { ada, ben } = await trio();
    const written = await ada.posts('line one\nline two "quoted" \\ 한글 \u{1f600}');
    assert.deepEqual(post.parse(written), written);
    assert.deepEqual({ ...written.author }, { id: ada.id, handle: ada.handle, name: ada.name });
    await feeds.settled();
    assert.deepEqual(await read(ada, written.id), written);
    for (const [who, path] of [
      [ada, '/api/feed'],
      [ben, '/api/feed'],
      [ben, `/api/posts?author=${ada.handle}`],
    ] as const) {
      const page = (await who.asks<Items<Post>>('GET', path)).body;
      assert.deepEqual(pageOf(post).strict().parse(page), { items: [written], nextCursor: null }, path);
    }
  });

  it('are seen by their author and the author’s friends, and by nobody else on any route', async () => {
    const { ada, ben, eve } = await trio();
    const { id } = await ada.posts('for friends');
    await feeds.settled();
    assert.equal((await ben.asks('GET', `/api/posts/${id}`)).status, 200);
    const { body: own } = await ada.asks('POST', `/api/posts/${id}/comments`, { text: 'first' });
    for (const [method, path, body] of [
      ['GET', `/api/posts/${id}`],
      ['PATCH', `/api/posts/${id}`, { text: 'mine' }],
      ['DELETE', `/api/posts/${id}`],
      ['PUT', `/api/posts/${id}/like`],
      ['DELETE', `/api/posts/${id}/like`],
      ['GET', `/api/posts/${id}/comments`],
      ['POST', `/api/posts/${id}/comments`, { text: 'me too' }],
      ['DELETE', `/api/posts/${id}/comments/${String(own['id'])}`],
    ] as const)
      assert.deepEqual(await codeOf(eve.asks(method, path, body)), [404, 'FEEDS_POST_UNKNOWN'], `${method} ${path}`);
    assert.deepEqual((await eve.asks('GET', `/api/posts?author=${ada.handle}`)).body, { items: [], nextCursor: null });
    assert.deepEqual(await eve.feed(), { items: [], nextCursor: null });
    assert.deepEqual((await ben.asks('GET', '/api/posts?author=nobody_here')).body, { items: [], nextCursor: null });
  });

  it('vanish for a former friend with the event, before any purge', async () => {
    const { ada, ben } = await trio();
    const { id } = await ada.posts('among friends');
    await feeds.settled();
    await feeds.users.parted(ada, ben);
    await feeds.settled();
    assert.deepEqual(await codeOf(ben.asks('GET', `/api/posts/${id}`)), [404, 'FEEDS_POST_UNKNOWN']);
    assert.deepEqual((await ben.feed()).items, []);
    await feeds.users.befriended(ada, ben);
    await feeds.settled();
    assert.deepEqual(
      (await ben.feed()).items.map((item) => item.id),
      [id],
      'a new friendship brings the old posts',
    );
  });

  it('are changed and deleted by their author alone', async () => {
    const { ada, ben } = await trio();
    const { id } = await ada.posts('frist');
    await feeds.settled();
    assert.deepEqual(await codeOf(ben.asks('PATCH', `/api/posts/${id}`, { text: 'x' })), [403, 'FEEDS_NOT_YOURS']);
    assert.deepEqual(await codeOf(ben.asks('DELETE', `/api/posts/${id}`)), [403, 'FEEDS_NOT_YOURS']);
    const edited = (await ada.asks<Post>('PATCH', `/api/posts/${id}`, { text: 'first' })).body;
    assert.equal(edited.text, 'first');
    assert.ok(edited.editedAt !== null && edited.editedAt >= edited.createdAt);
    assert.deepEqual(await read(ben, id), edited);
    assert.deepEqual(await codeOf(ada.asks('DELETE', `/api/posts/${id}`)), [204]);
    assert.deepEqual(await codeOf(ada.asks('DELETE', `/api/posts/${id}`)), [404, 'FEEDS_POST_UNKNOWN']);
    for (const who of [ada, ben]) assert.deepEqual((await who.feed()).items, []);
    const [kept] = await feeds.db.query('SELECT FROM timeline WHERE post_id = $1', [id]);
    assert.equal(kept, undefined);
  });

  it('count a like once however often it is given, and exactly when many give and take it at once', async () => {
    const { ada } = await trio();
    const { id } = await ada.posts('like me');
    const friends = await Promise.all(Array.from({ length: 20 }, () => feeds.person()));
    for (const friend of friends) await feeds.users.befriended(ada, friend);
    await feeds.settled();
    await Promise.all(
      friends.flatMap((friend, i) => [
        friend.asks('PUT', `/api/posts/${id}/like`),
        friend.asks('PUT', `/api/posts/${id}/like`),
        ...(i < 5 ? [friend.asks('POST', `/api/posts/${id}/comments`, { text: `comment ${i}` })] : []),
      ]),
    );
    const seen = await read(friends[0]!, id);
    assert.deepEqual([seen.likes, seen.liked, seen.comments], [20, true, 5]);
    await Promise.all(friends.slice(0, 7).map((friend) => friend.asks('DELETE', `/api/posts/${id}/like`)));
    await friends[0]!.asks('DELETE', `/api/posts/${id}/like`);
    const then = await read(friends[0]!, id);
    assert.deepEqual([then.likes, then.liked], [13, false]);
    const told = await feeds.db.query<{ type: string; n: number; last: number }>(
      `SELECT type, count(*) AS n, max(sequence) AS last FROM event_outbox WHERE subject = $1 GROUP BY type ORDER BY type`,
      [id],
    );
    assert.deepEqual(
      told.map((row) => [row.type, row.n]),
      [
        ['feeds.comment.written.v1', 5],
        ['feeds.post.liked.v1', 20],
        ['feeds.post.unliked.v1', 7],
        ['feeds.post.written.v1', 1],
      ],
      'an event for each change, and for nothing else',
    );
    assert.equal(Math.max(...told.map((row) => row.last)), 33, 'numbered without a gap');
  });

  it('have comments, oldest first, which their author and the author of the post may delete', async () => {
    const { ada, ben } = await trio();
    const cyd = await feeds.person();
    await feeds.users.befriended(ada, cyd);
    const { id } = await ada.posts('discuss');
    await feeds.settled();
    const written: Comment[] = [];
    for (const [who, text] of [
      [ben, 'one'],
      [cyd, 'two'],
      [ben, 'three'],
    ] as const)
      written.push((await who.asks<Comment>('POST', `/api/posts/${id}/comments`, { text })).body);
    const first = (await cyd.asks<Items<Comment>>('GET', `/api/posts/${id}/comments?limit=2`)).body;
    assert.deepEqual(pageOf(comment).strict().parse(first), {
      items: written.slice(0, 2),
      nextCursor: first.nextCursor,
    });
    const rest = (await cyd.asks('GET', `/api/posts/${id}/comments?limit=2&cursor=${first.nextCursor}`)).body;
    assert.deepEqual(rest, { items: written.slice(2), nextCursor: null });
    const at = (place: number) => `/api/posts/${id}/comments/${written[place]!.id}`;
    assert.deepEqual(await codeOf(cyd.asks('DELETE', at(0))), [403, 'FEEDS_NOT_YOURS']);
    assert.deepEqual(await codeOf(ben.asks('DELETE', at(0))), [204]);
    assert.deepEqual(await codeOf(ada.asks('DELETE', at(1))), [204]);
    assert.deepEqual(await codeOf(ada.asks('DELETE', at(1))), [404, 'FEEDS_COMMENT_UNKNOWN']);
    assert.equal((await read(ada, id)).comments, 1);
  });

  it('hide comments, likes and mentions of two who blocked each other from both, in lists and in counts', async () => {
    const { ada, ben } = await trio();
    const cyd = await feeds.person();
    await feeds.users.befriended(ada, cyd);
    await feeds.settled();
    const { id } = await ada.posts(`with @${ben.handle} and @${cyd.handle}`);
    await feeds.settled();
    for (const who of [ben, cyd]) {
      await who.asks('POST', `/api/posts/${id}/comments`, { text: `by ${who.handle}` });
      await who.asks('PUT', `/api/posts/${id}/like`);
    }
    await feeds.users.blocked(ben, cyd);
    await feeds.settled();
    const seenBy = async (who: TestPerson) => {
      const seen = await read(who, id);
      const listed = (await who.asks<Items<Comment>>('GET', `/api/posts/${id}/comments`)).body.items;
      assert.equal(seen.comments, listed.length);
      return [seen.likes, listed.map((one) => one.author.id), seen.mentions.map((one) => one.id)];
    };
    assert.deepEqual(await seenBy(ben), [1, [ben.id], [ben.id]]);
    assert.deepEqual(await seenBy(cyd), [1, [cyd.id], [cyd.id]]);
    assert.deepEqual(await seenBy(ada), [2, [ben.id, cyd.id], [ben.id, cyd.id]]);
    await feeds.users.unblocked(ben, cyd);
    await feeds.settled();
    assert.deepEqual(await seenBy(ben), [2, [ben.id, cyd.id], [ben.id, cyd.id]]);
  });

  it('vanish with a block at once, and do not come back when it is lifted', async () => {
    const { ada, ben } = await trio();
    const { id } = await ada.posts('before the block');
    await feeds.settled();
    await feeds.users.blocked(ada, ben);
    await feeds.settled();
    assert.deepEqual(await codeOf(ben.asks('GET', `/api/posts/${id}`)), [404, 'FEEDS_POST_UNKNOWN']);
    await feeds.users.unblocked(ada, ben);
    await feeds.settled();
    assert.deepEqual((await ben.feed()).items, []);
  });

  it('show authors by the name they have now', async () => {
    const { ada, ben } = await trio();
    const { id } = await ada.posts(`hello @${ben.handle}`);
    await feeds.settled();
    await feeds.users.changed({ id: ada.id, handle: `${ada.handle}_x`, name: 'Countess' });
    await feeds.settled();
    assert.deepEqual((await read(ben, id)).author, { id: ada.id, handle: `${ada.handle}_x`, name: 'Countess' });
    const listed = (await ben.asks<Items<Post>>('GET', `/api/posts?author=${ada.handle}_x`)).body.items;
    assert.deepEqual(
      listed.map((one) => one.id),
      [id],
    );
  });

  it('may be written, read and listed by somebody of whom no event has come yet', async () => {
    const ned = feeds.stranger();
    assert.deepEqual(await ned.feed(), { items: [], nextCursor: null });
    const written = await ned.posts('I have just signed up');
    assert.deepEqual(written.author, { id: ned.id, handle: ned.handle, name: ned.name });
    assert.deepEqual((await ned.feed()).items, [written]);
    const listed = (await ned.asks<Items<Post>>('GET', `/api/posts?author=${ned.handle}`)).body;
    assert.deepEqual(listed.items, [written]);
    assert.deepEqual(await codeOf(ned.asks('PUT', `/api/posts/${written.id}/like`)), [204]);
    await feeds.users.registered(ned);
    await feeds.settled();
    assert.equal((await ned.feed()).items.length, 1);
  });

  it('mention people by asking Users, and get their links later when Users was away', async () => {
    const { ada, ben } = await trio();
    const text = `@${ben.handle} @nobody_at_all`;
    const resolved = await ada.posts(text);
    const link = { id: ben.id, handle: ben.handle, name: ben.name };
    assert.deepEqual(resolved.mentions, [link]);
    feeds.users.isUp = false;
    const meanwhile = await ada.posts(text);
    assert.deepEqual(meanwhile.mentions, [], 'posting goes on');
    feeds.users.isUp = true;
    await feeds.db.query('UPDATE unresolved_mention SET not_before = now()');
    await feeds.mentionsCaughtUp();
    assert.deepEqual((await read(ada, meanwhile.id)).mentions, [link]);
  });

  it('need an identity that the gateway has signed for this service', async () => {
    const { ada } = await trio();
    assert.equal((await feeds.ask('GET', '/api/feed')).status, 401);
    const other = feeds.keys.token({ aud: 'users', sub: ada.id, sid: uuidv7(), handle: 'x', name: 'x', exp: 9e9 });
    for (const token of ['nonsense', other]) {
      const answer = await feeds.ask('GET', '/api/feed', { headers: { [IDENTITY_HEADER]: token } });
      assert.deepEqual([answer.status, answer.body['code']], [401, 'REQUEST_NOT_SIGNED_IN']);
    }
    assert.equal((await feeds.ask('GET', '/internal/events', { headers: ada.headers() })).status, 401);
    const asService = { headers: { authorization: `Bearer ${feeds.keys.service('search')}` } };
    assert.equal((await feeds.ask('GET', '/internal/events', asService)).status, 200);
  });

  it('refuse every kind of bad input by a code, and store nothing of it', async () => {
    const ada = await feeds.person();
    const write = (body: unknown, type = 'application/json') =>
      codeOf(feeds.ask('POST', '/api/posts', { body, headers: { ...ada.headers(), 'content-type': type } }));
    const invalid = [400, 'REQUEST_INVALID'];
    for (const body of [
      {},
      { text: 1 },
      { text: '' },
      { text: ' \n ' },
      { text: 'x'.repeat(501) },
      { text: 'x', mood: 'y' },
      { text: 'nul \u0000' },
      { text: 'bell \u0007' },
      [],
      'null',
      '{"text":"\\ud800"}',
    ])
      assert.deepEqual(await write(body), invalid, JSON.stringify(body));
    assert.deepEqual(await write('{"text":'), [400, 'REQUEST_NOT_JSON']);
    assert.deepEqual(await write(Buffer.from([0x7b, 0x22, 0xff, 0x22])), [400, 'REQUEST_NOT_UTF8']);
    assert.deepEqual(await write('text=x', 'application/x-www-form-urlencoded'), [415, 'REQUEST_MEDIA_TYPE']);
    assert.deepEqual(await write(JSON.stringify({ text: 'x'.repeat(70_000) })), [413, 'REQUEST_BODY_TOO_LARGE']);
    assert.equal(
      (await ada.asks('POST', '/api/posts', { text: '\u{1f600}'.repeat(500) })).status,
      201,
      '500 characters',
    );
    assert.equal((await ada.feed()).items.length, 1);
    for (const path of [
      '/api/feed?limit=0',
      '/api/feed?limit=101',
      '/api/feed?limit=x',
      '/api/feed?limit=1&limit=2',
      '/api/feed?page=2',
      '/api/posts',
      '/api/posts?author=No%20Handle',
      '/api/posts?author=ada%00',
      '/api/posts/17',
      '/api/posts/%00',
      `/api/posts/${uuidv7()}/comments?limit=-1`,
    ])
      assert.deepEqual(await codeOf(ada.asks('GET', path)), invalid, path);
    const foreign = Buffer.from(JSON.stringify(['posts', uuidv7()])).toString('base64url');
    for (const cursor of ['x', 'e30', foreign, Buffer.from('["feed","1; --"]').toString('base64url')])
      assert.deepEqual(await codeOf(ada.asks('GET', `/api/feed?cursor=${cursor}`)), [400, 'REQUEST_CURSOR_INVALID']);
    assert.deepEqual(await codeOf(ada.asks('GET', `/api/posts/${uuidv7()}`)), [404, 'FEEDS_POST_UNKNOWN']);
    assert.deepEqual(await codeOf(ada.asks('PUT', '/api/feed')), [405, 'REQUEST_METHOD_NOT_ALLOWED']);
  });

  it('are mounted as they are documented', () => {
    assertNoDrift(feeds.listener, mountedOperations);
  });

  it('page through a feed without a gap or a repetition while posts are written', async () => {
    const { ada, ben } = await trio();
    const ids: string[] = [];
    for (let i = 0; i < 25; i++) ids.unshift((await (i % 2 === 0 ? ada : ben).posts(`post ${i}`)).id);
    await feeds.settled();
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page: Items<Post> = await ada.feed(`?limit=4${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(...page.items.map((item) => item.id));
      cursor = page.nextCursor;
      await ada.posts('meanwhile');
    }
    assert.deepEqual(seen, ids);
  });
});
