/** What Users' events do to Feeds: deletion everywhere and for good, late and erased events, archived examples. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { Comment, Post } from '@switchyard/contracts/feeds';
import { usersEvents } from '@switchyard/contracts/users-events';
import { openDatabase } from '@switchyard/kit/postgres/database';
import { log, startTestFeeds } from '../test-feeds.ts';
import type { Items, TestFeeds, TestPerson } from '../test-feeds.ts';
import { learnPeopleAnew } from '../commands/learn-people-anew.ts';
import { applyUsersEvent } from './apply-users-event.ts';

const archive = new URL('../../archived-events/users/', import.meta.url);

describe('a deleted account', () => {
  let feeds: TestFeeds;
  before(async () => {
    feeds = await startTestFeeds();
  });
  after(() => feeds.stop());

  const friends = async (): Promise<[TestPerson, TestPerson]> => {
    const [ada, ben] = [await feeds.person(), await feeds.person()];
    await feeds.users.befriended(ada, ben);
    await feeds.settled();
    return [ada, ben];
  };
  /** Every row and event of a person, but for the tombstone. */
  const tracesOf = async (who: TestPerson) => {
    const [row] = await feeds.db.query<Record<string, number>>(
      `SELECT (SELECT count(*) FROM post WHERE author_id = $1) AS posts,
         (SELECT count(*) FROM comment WHERE author_id = $1) AS comments,
         (SELECT count(*) FROM liking WHERE person_id = $1) AS likes,
         (SELECT count(*) FROM timeline WHERE owner_id = $1 OR author_id = $1) AS timeline,
         (SELECT count(*) FROM circle WHERE person_id = $1 OR member_id = $1) AS circle,
         (SELECT count(*) FROM block WHERE blocker_id = $1 OR blocked_id = $1) AS blocks,
         (SELECT count(*) FROM person WHERE id = $1 AND (handle IS NOT NULL OR name IS NOT NULL)) AS names,
         (SELECT count(*) FROM event_outbox WHERE data ->> 'authorId' = $1::text) AS events`,
      [who.id],
    );
    return row;
  };
  const NOTHING = { posts: 0, comments: 0, likes: 0, timeline: 0, circle: 0, blocks: 0, names: 0, events: 0 };

  it('takes its posts, comments, likes, mentions and name with it, and corrects the counts of what stays', async () => {
    const [ada, ben] = await friends();
    for (let i = 0; i < 3; i++) await ada.posts(`gone ${i}`);
    const kept = await ben.posts(`stays, with @${ada.handle}`);
    await feeds.settled();
    await ada.asks('PUT', `/api/posts/${kept.id}/like`);
    await ada.asks('POST', `/api/posts/${kept.id}/comments`, { text: 'gone' });
    await ben.asks('POST', `/api/posts/${kept.id}/comments`, { text: 'stays' });
    await feeds.users.deleted(ada);
    await feeds.settled();
    assert.deepEqual(await tracesOf(ada), NOTHING);
    const left = (await ben.asks<Post>('GET', `/api/posts/${kept.id}`)).body;
    assert.deepEqual([left.likes, left.comments, left.mentions], [0, 1, []]);
    assert.deepEqual(
      (await ben.feed()).items.map((post) => post.id),
      [kept.id],
    );
    const comments = (await ben.asks<Items<Comment>>('GET', `/api/posts/${kept.id}/comments`)).body.items;
    assert.deepEqual(
      comments.map((comment) => comment.text),
      ['stays'],
    );
  });

  it('cannot be brought back by an identity token that is still valid', async () => {
    const [ada, ben] = await friends();
    const { id } = await ben.posts('still here');
    await feeds.settled();
    await feeds.users.deleted(ada);
    await feeds.settled();
    const refused = await ada.asks('POST', '/api/posts', { text: 'a ghost' });
    assert.deepEqual([refused.status, refused.body['code']], [401, 'FEEDS_ACCOUNT_GONE']);
    for (const [method, path, body] of [
      ['POST', `/api/posts/${id}/comments`, { text: 'boo' }],
      ['PUT', `/api/posts/${id}/like`],
    ] as const)
      assert.equal((await ada.asks(method, path, body)).status, 404);
    assert.deepEqual(await ada.feed(), { items: [], nextCursor: null });
    assert.deepEqual(await tracesOf(ada), NOTHING);
  });

  it('cannot be brought back by a late event', async () => {
    const [ada, ben] = await friends();
    await feeds.users.deleted(ada);
    await feeds.users.changed(ada);
    await feeds.users.befriended(ada, ben);
    await feeds.users.blocked(ben, ada);
    await feeds.settled();
    assert.deepEqual(await tracesOf(ada), NOTHING);
  });

  it('that Feeds never heard of leaves a tombstone all the same', async () => {
    const ada = feeds.stranger();
    await feeds.users.deleted(ada);
    await feeds.settled();
    assert.equal((await ada.asks('POST', '/api/posts', { text: 'too late' })).status, 401);
    await feeds.users.registered(ada);
    await feeds.settled();
    assert.deepEqual(await tracesOf(ada), NOTHING);
  });

  it('whose posts are being written at that moment leaves none', async () => {
    const [ada] = await friends();
    const writing = Array.from({ length: 20 }, (_, i) => ada.asks('POST', '/api/posts', { text: `hasty ${i}` }));
    await feeds.users.deleted(ada);
    await Promise.all(writing);
    await feeds.settled();
    assert.deepEqual(await tracesOf(ada), NOTHING);
  });

  it('with more of everything than one transaction takes is erased piece by piece', async () => {
    const [ada, ben] = await friends();
    const { id } = await ben.posts('a long discussion');
    await feeds.db.query(
      `INSERT INTO post (id, author_id, text, created_at) SELECT uuidv7(), $1, 'x', now() FROM generate_series(1, 250)`,
      [ada.id],
    );
    await feeds.db.query(
      `INSERT INTO comment (id, post_id, author_id, text, created_at)
       SELECT uuidv7(), $2, $1, 'x', now() FROM generate_series(1, 450)`,
      [ada.id, id],
    );
    await feeds.db.query('UPDATE post SET comments = 450 WHERE id = $1', [id]);
    await feeds.db.query(
      `WITH p AS (
         INSERT INTO post (id, author_id, text, created_at, likes)
         SELECT uuidv7(), $2, 'x', now(), 1 FROM generate_series(1, 450) RETURNING id
       ) INSERT INTO liking (post_id, person_id) SELECT id, $1 FROM p`,
      [ada.id, ben.id],
    );
    await feeds.users.deleted(ada);
    await feeds.settled();
    assert.deepEqual(await tracesOf(ada), NOTHING);
    const [counts] = await feeds.db.query<{ n: number }>(
      'SELECT count(*) AS n FROM post WHERE author_id = $1 AND (likes <> 0 OR comments <> 0)',
      [ben.id],
    );
    assert.equal(counts?.n, 0);
  });

  it('whose earlier events are erased already, as on a reading of the whole log, is no obstacle', async () => {
    const ben = await feeds.person();
    await feeds.settled();
    const gone = feeds.stranger();
    await feeds.db.transaction(async (tx) => {
      for (const kind of ['registered', 'changed'] as const)
        await applyUsersEvent(tx, { type: usersEvents[kind].type, subject: gone.id, data: null });
      await applyUsersEvent(tx, { type: usersEvents.befriended.type, subject: `${ben.id}:${gone.id}`, data: null });
      await applyUsersEvent(tx, { type: usersEvents.deleted.type, subject: gone.id, data: null });
    });
    await feeds.settled();
    assert.deepEqual(await tracesOf(gone), NOTHING);
  });

  it('and every archived example of an event can still be applied', async () => {
    const names = readdirSync(archive).sort();
    const examples = names.map((name) => JSON.parse(readFileSync(new URL(name, archive), 'utf8')) as Archived);
    assert.deepEqual(
      [...new Set(examples.map((example) => example.type))].sort(),
      Object.values(usersEvents)
        .map((contract) => contract.type)
        .sort(),
      'there is an example of each',
    );
    for (const { type, subject, data } of examples) {
      const contract = Object.values(usersEvents).find((one) => one.type === type)!;
      await feeds.db.transaction((tx) => applyUsersEvent(tx, { type, subject, data: contract.data.parse(data) }));
    }
  });
});

describe('what Feeds knows of people', () => {
  let feeds: TestFeeds;
  before(async () => {
    feeds = await startTestFeeds();
  });
  after(() => feeds.stop());

  it('is learned anew from the log while the service runs', async () => {
    const [ada, ben, cyd] = [await feeds.person(), await feeds.person(), await feeds.person()];
    await feeds.users.befriended(ada, ben);
    await feeds.users.befriended(ada, cyd);
    await feeds.users.parted(ada, cyd);
    await feeds.users.blocked(ada, cyd);
    await ada.posts('kept');
    await feeds.settled();
    const known = async () => ({
      people: await feeds.db.query('SELECT id, handle, name FROM person ORDER BY id'),
      circle: await feeds.db.query('SELECT * FROM circle ORDER BY person_id, member_id'),
      blocks: await feeds.db.query('SELECT * FROM block'),
      timeline: await feeds.db.query('SELECT owner_id, post_id FROM timeline ORDER BY owner_id, post_id'),
    });
    const before = await known();
    await feeds.db.query("UPDATE person SET name = 'wrong'");
    await feeds.db.query('DELETE FROM timeline WHERE owner_id = $1', [ben.id]);
    const db = openDatabase({ url: feeds.databaseUrl, log });
    await learnPeopleAnew(db);
    await db.close();
    await feeds.settled();
    assert.deepEqual(await known(), before);
  });
});

interface Archived {
  readonly type: string;
  readonly subject: string;
  readonly data: unknown;
}
