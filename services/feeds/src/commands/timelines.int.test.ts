/** Timelines against an independent computation, on a real database, whatever runs at once. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventMigrations } from '@switchyard/kit/events/migrations';
import type { Identity } from '@switchyard/contracts/identity';
import { usersEvents } from '@switchyard/contracts/users-events';
import { isRefusal } from '@switchyard/kit/errors';
import { uuidv7 } from '@switchyard/kit/ids';
import { createLogger } from '@switchyard/kit/log';
import { createMetrics } from '@switchyard/kit/metrics';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database } from '@switchyard/kit/postgres/database';
import { migrate } from '@switchyard/kit/postgres/migrate';
import { startTestPostgres } from '@switchyard/kit/postgres/test-server';
import type { TestPostgres } from '@switchyard/kit/postgres/test-server';
import type { RoundResult } from '../domain/round.ts';
import { applyUsersEvent } from '../messages/apply-users-event.ts';
import { ReadFeed } from '../queries/read-feed.ts';
import { DeletePost } from './delete-post.ts';
import { EraseAccounts } from './erase-accounts.ts';
import { FanOutPosts } from './fan-out-posts.ts';
import { ReconcileTimelines } from './reconcile-timelines.ts';
import { ResolveMentions } from './resolve-mentions.ts';
import { WritePost } from './write-post.ts';

const log = createLogger({ service: 'test', level: 'fatal' });

/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('timelines', () => {
  let postgres: TestPostgres;
  let db: Database;
  let writePost: WritePost;
  let deletePost: DeletePost;
  let rounds: (() => Promise<RoundResult>)[];

  before(async () => {
    postgres = await startTestPostgres();
    db = openDatabase({ url: await postgres.url('feeds'), log });
    await migrate(db, [eventMigrations, new URL('../../migrations/', import.meta.url)], log);
    const mentions = new ResolveMentions(db, { resolve: () => Promise.reject(new Error('not asked')) }, log);
    writePost = new WritePost(db, mentions, () => {});
    deletePost = new DeletePost(db);
    const fanOut = new FanOutPosts(db, createMetrics());
    const reconcile = new ReconcileTimelines(db);
    const erase = new EraseAccounts(db);
    rounds = [() => fanOut.round(), () => reconcile.round(), () => erase.round()];
  });
  after(async () => {
    await db.close();
    await postgres.stop();
  });

  const people = (count: number): Identity[] =>
    Array.from({ length: count }, (_, i) => {
      const id = uuidv7();
      return { id, handle: `p${i}_${id.slice(-6)}`, name: `Person ${i}` };
    });
  const apply = (kind: keyof typeof usersEvents, subject: string, data: object) =>
    db.transaction((tx) => applyUsersEvent(tx, { type: usersEvents[kind].type, subject, data }));
  const register = (who: Identity) =>
    apply('registered', who.id, { userId: who.id, handle: who.handle, name: who.name });
  const pairOf = (one: Identity, other: Identity) => {
    const [a, b] = [one.id, other.id].sort();
    return { a, b };
  };
  const befriend = (one: Identity, other: Identity) => apply('befriended', 'pair', pairOf(one, other));
  const part = (one: Identity, other: Identity) => apply('parted', 'pair', pairOf(one, other));
  const write = async (who: Identity, text: string): Promise<string> => {
    const json = await writePost.execute(who, text);
    assert.ok(!isRefusal(json));
    return (JSON.parse(json) as { id: string }).id;
  };
  /** Until no queue has anything; several workers at once, as in several instances. */
  const workOff = async () => {
    for (let isDone = false; !isDone;)
      isDone = (await Promise.all([...rounds, ...rounds].map((round) => round()))).every((one) => one === 'done');
  };
  const timelineOf = async (who: Identity) =>
    (
      await db.query<{ post_id: string }>('SELECT post_id FROM timeline WHERE owner_id = $1 ORDER BY post_id', [who.id])
    ).map((row) => row.post_id);

  for (const seed of [1, 2, 3, 4, 5, 6]) {
    it(`hold exactly own and current friends' posts after posts, friendships, deletions and work in any interleaving (seed ${seed})`, async () => {
      const random = randomFrom(seed);
      const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
      const all = people(8);
      for (const one of all) await register(one);
      const alive = new Set(all);
      const friends = new Set<string>();
      const posts = new Map<string, Identity>();
      const keyOf = (one: Identity, other: Identity) => Object.values(pairOf(one, other)).join();

      const working = { on: true };
      const workers = [...rounds, ...rounds].map(async (round) => {
        while (working.on) {
          await round();
          await new Promise((resolve) => setImmediate(resolve));
        }
      });
      // events come one after the other, as from one consumer; posts are written and deleted by several people at once
      const events = async () => {
        for (let i = 0; i < 60; i++) {
          const [one, other] = [pick([...alive]), pick([...alive])];
          if (one === other) continue;
          const what = random();
          if (what < 0.5) {
            await befriend(one, other);
            friends.add(keyOf(one, other));
          } else if (what < 0.98) {
            await part(one, other);
            friends.delete(keyOf(one, other));
          } else if (alive.size > 5) {
            await apply('deleted', one.id, { userId: one.id });
            alive.delete(one);
          }
        }
      };
      const authors = Array.from({ length: 3 }, async () => {
        for (let i = 0; i < 30; i++) {
          const who = pick(all);
          const json = await writePost.execute(who, `post ${i}`);
          if (isRefusal(json)) {
            assert.ok(!alive.has(who), 'only the deleted are refused');
            continue;
          }
          const { id } = JSON.parse(json) as { id: string };
          posts.set(id, who);
          if (random() < 0.2) {
            await deletePost.execute(who, id);
            posts.delete(id);
          }
        }
      });
      await Promise.all([events(), ...authors]);
      working.on = false;
      await Promise.all(workers);
      await workOff();

      for (const owner of all) {
        const expected = [...posts]
          .filter(([, author]) => alive.has(owner) && alive.has(author))
          .filter(([, author]) => author === owner || friends.has(keyOf(owner, author)))
          .map(([id]) => id)
          .sort();
        assert.deepEqual(await timelineOf(owner), expected, owner.name);
      }
      const left = await db.query('SELECT id FROM post WHERE author_id = ANY ($1)', [
        all.filter((one) => !alive.has(one)).map((one) => one.id),
      ]);
      assert.deepEqual(left, [], 'posts of the deleted are gone');
    });
  }

  it('have an own post before any work is done', async () => {
    const [ada] = people(1) as [Identity];
    await register(ada);
    const id = await write(ada, 'read your own write');
    assert.deepEqual(await timelineOf(ada), [id]);
    await workOff();
  });

  it('get posts in chunks when there are more friends, posts or rows than one transaction takes', async () => {
    const [ada, ben] = people(2) as [Identity, Identity];
    await register(ada);
    await register(ben);
    const crowd = people(1_203).map((one) => one.id);
    await db.query(
      `INSERT INTO circle (person_id, member_id)
       SELECT $1::uuid, id FROM unnest($2::uuid[]) id UNION ALL SELECT id, $1::uuid FROM unnest($2::uuid[]) id`,
      [ada.id, crowd],
    );
    const first = await write(ada, 'to a crowd');
    await workOff();
    const [reached] = await db.query<{ n: number }>('SELECT count(*) AS n FROM timeline WHERE post_id = $1', [first]);
    assert.equal(reached?.n, crowd.length + 1);

    await db.query(
      `INSERT INTO post (id, author_id, text, created_at)
       SELECT uuidv7(), $1, 'old ' || i, now() FROM generate_series(1, 450) i`,
      [ada.id],
    );
    await db.query(
      `INSERT INTO timeline (owner_id, post_id, author_id) SELECT $1, uuidv7(), $1 FROM generate_series(1, 1100)`,
      [ben.id],
    );
    await befriend(ada, ben);
    await workOff();
    assert.equal((await timelineOf(ben)).length, 1_100 + 451, 'a new friendship brings every post');
    await part(ada, ben);
    await workOff();
    assert.equal((await timelineOf(ben)).length, 1_100, 'an ended one takes every post');
  });

  it('lose a deleted post also where a purge had still to come by when the two became friends again', async () => {
    const [ada, ben] = people(2) as [Identity, Identity];
    await register(ada);
    await register(ben);
    await befriend(ada, ben);
    const id = await write(ada, 'between two friendships');
    await workOff();
    assert.deepEqual(await timelineOf(ben), [id]);
    await part(ada, ben);
    assert.equal(await deletePost.execute(ada, id), undefined);
    await befriend(ada, ben);
    await workOff();
    assert.deepEqual(await timelineOf(ben), []);
  });

  it('show a full page although rows that a purge has still to remove stand in between', async () => {
    const [ada, ben, cyd] = people(3) as [Identity, Identity, Identity];
    for (const one of [ada, ben, cyd]) await register(one);
    await befriend(ada, ben);
    await befriend(ada, cyd);
    await workOff();
    const kept: string[] = [];
    for (let i = 0; i < 30; i++) {
      await write(cyd, `hidden soon ${i}`);
      if (i % 3 === 0) kept.unshift(await write(ben, `kept ${i}`));
    }
    await workOff();
    await part(ada, cyd); // and no work is done
    const feed = new ReadFeed(db);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await feed.execute(ada.id, { limit: 4, ...(cursor === undefined ? {} : { cursor }) });
      assert.ok(!isRefusal(page));
      const { items, nextCursor } = JSON.parse(page) as { items: { id: string }[]; nextCursor: string | null };
      assert.ok(items.length === 4 || nextCursor === null, 'only the last page is short');
      seen.push(...items.map((item) => item.id));
      cursor = nextCursor ?? undefined;
    } while (cursor !== undefined);
    assert.deepEqual(seen, kept);
    await workOff();
  });
});
