/** What pages cost, by the buffers that PostgreSQL says it touched. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { eventMigrations } from '@switchyard/kit/events/migrations';
import { createLogger } from '@switchyard/kit/log';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database, Session } from '@switchyard/kit/postgres/database';
import { migrate } from '@switchyard/kit/postgres/migrate';
import { startTestPostgres } from '@switchyard/kit/postgres/test-server';
import type { TestPostgres } from '@switchyard/kit/postgres/test-server';
import { NEWEST, timelinePage, timelinePageSql } from './pages.ts';

const log = createLogger({ service: 'test', level: 'fatal' });
const LIMIT = 20;
const PAGE = 500;

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Loops': number;
  readonly 'Shared Hit Blocks': number;
  readonly 'Shared Read Blocks': number;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

describe('a page of a home timeline', () => {
  let postgres: TestPostgres;
  let db: Database;
  let session: Session;
  let viewerId: string;

  before(async () => {
    postgres = await startTestPostgres();
    db = openDatabase({ url: await postgres.url('feeds'), log, statementTimeoutMs: 60_000 });
    await migrate(db, [eventMigrations, new URL('../../migrations/', import.meta.url)], log);
    session = await db.session();
    // 60 people, each a friend of every other, who write in turns: 12,000 posts in every timeline, 500 pages and more
    await db.query(
      `INSERT INTO person (id, handle, name) SELECT uuidv7(), 'p' || i, 'Person ' || i FROM generate_series(1, 60) i`,
    );
    await db.query('INSERT INTO circle SELECT a.id, b.id FROM person a, person b');
    await db.query(
      `INSERT INTO post (id, author_id, text, created_at)
       SELECT uuidv7(), p.id, 'some words of ' || p.handle, now()
       FROM generate_series(1, 200) i, person p ORDER BY i, p.id`,
    );
    // as fan-out does it: post after post, so that one owner's rows lie scattered
    await db.query(
      `INSERT INTO timeline (owner_id, post_id, author_id)
       SELECT c.member_id, p.id, p.author_id FROM post p JOIN circle c ON c.person_id = p.author_id
       WHERE c.member_id IN (SELECT id FROM person ORDER BY id LIMIT 12) ORDER BY p.id`,
    );
    await db.query('VACUUM ANALYZE');
    [{ viewerId }] = (await db.query<{ viewerId: string }>(
      'SELECT id AS "viewerId" FROM person ORDER BY id LIMIT 1',
    )) as [{ viewerId: string }];
    await session.query(`PREPARE page(uuid, uuid) AS ${timelinePageSql(LIMIT)}`);
  });
  after(async () => {
    await session.close();
    await db.close();
    await postgres.stop();
  });

  const explained = async (below: string, planning: string): Promise<Plan> => {
    await session.query(`SET plan_cache_mode = ${planning}`);
    const explain = `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE page('${viewerId}', '${below}')`;
    await session.query(explain);
    const [row] = await session.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(explain);
    return row!['QUERY PLAN'][0].Plan;
  };
  const buffersOf = (plan: Plan) => plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];

  it('touches as many buffers on page 500 as on page 1', async () => {
    const [deep] = await db.query<{ post_id: string }>(
      `SELECT post_id FROM timeline WHERE owner_id = $1 ORDER BY post_id DESC OFFSET ${LIMIT * (PAGE - 1) - 1} LIMIT 1`,
      [viewerId],
    );
    assert.equal(JSON.parse(`[${(await timelinePage(db, viewerId, deep!.post_id, LIMIT)).items}]`).length, LIMIT);
    for (const planning of ['force_generic_plan', 'force_custom_plan']) {
      const first = buffersOf(await explained(NEWEST, planning));
      const last = buffersOf(await explained(deep!.post_id, planning));
      assert.ok(
        last <= first * 1.2 && first <= last * 1.2,
        `${planning}: page 1 touches ${first}, page ${PAGE} ${last}`,
      );
      assert.ok(first < (LIMIT + 1) * 12, `${first} buffers for ${LIMIT} posts`);
    }
  });

  it('is one range of an index and a probe a row, with nothing sorted or scanned whole', async () => {
    for (const planning of ['force_generic_plan', 'force_custom_plan']) {
      const nodes = nodesOf(await explained(NEWEST, planning)).filter((node) => node['Actual Loops'] > 0);
      const whole = nodes.filter((node) => /Seq Scan|Sort|Hash|Bitmap/.test(node['Node Type']));
      assert.deepEqual(
        whole
          .map((node) => `${node['Node Type']} ${node['Relation Name'] ?? ''}`.trim())
          .filter((what) => !/ (?:block|person|liking|comment)$/.test(what)), // a handful of rows: scanning them is right
        [],
        planning,
      );
    }
  });
});
