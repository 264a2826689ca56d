/** Suggestions on a dense graph of the size of a college network, against a computation of their own. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import type { Suggestion } from '@switchyard/contracts/users';
import { isRefusal } from '@switchyard/kit/errors';
import { createLogger } from '@switchyard/kit/log';
import { eventMigrations } from '@switchyard/kit/events/migrations';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database } from '@switchyard/kit/postgres/database';
import { migrate } from '@switchyard/kit/postgres/migrate';
import { startTestPostgres } from '@switchyard/kit/postgres/test-server';
import type { TestPostgres } from '@switchyard/kit/postgres/test-server';
import { SUGGESTION_WALK_MAX } from '../domain/suggestion-walk.ts';
import { listSuggestions, SUGGESTIONS } from '../store/suggestions.ts';
import { suggestFriends } from './suggest-friends.ts';

const PEOPLE = 962;
const FRIENDSHIPS = 18_812;

let postgres: TestPostgres;
let db: Database;
let friendsOf: Map<number, Set<number>>;
before(async () => {
  postgres = await startTestPostgres();
  const log = createLogger({ service: 'users', level: 'fatal' });
  db = openDatabase({ url: await postgres.url('users'), log });
  await migrate(db, [eventMigrations, new URL('../../migrations/', import.meta.url)], log);
  friendsOf = await graph();
  await load(friendsOf);
});
after(async () => {
  await db.close();
  await postgres.stop();
});

/** The file named by GRAPH_FILE (lines of two numbers), or a made-up one as large and as uneven. */
async function graph(): Promise<Map<number, Set<number>>> {
  const edges = new Map(Array.from({ length: PEOPLE }, (_, person) => [person, new Set<number>()]));
  const file = process.env['GRAPH_FILE'];
  if (file !== undefined) {
    for (const line of (await readFile(file, 'utf8')).split('\n')) {
      const [one, other] = line.split(/\s+/).map(Number);
      if (!Number.isInteger(one) || !Number.isInteger(other) || one === other || line.trim() === '') continue;
      edges.get(one!)!.add(other!);
      edges.get(other!)!.add(one!);
    }
    return edges;
  }
  let state = 42;
  const random = () => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 1) / 2 ** 31;
  for (let count = 0; count < FRIENDSHIPS;) {
    // the square makes some known by many and most by few
    const [one, other] = [Math.floor(random() ** 2 * PEOPLE), Math.floor(random() ** 1.3 * PEOPLE)];
    if (one === other || edges.get(one)!.has(other)) continue;
    edges.get(one)!.add(other);
    edges.get(other)!.add(one);
    count++;
  }
  return edges;
}

const idOf = (person: number) => `00000000-0000-7000-8000-${String(person).padStart(12, '0')}`;
/** In another order than the numbers. */
const handleOf = (person: number) => `p${(person * 7_919) % 1_009}_${person}`;

async function load(edges: Map<number, Set<number>>): Promise<void> {
  const people = [...edges.keys()];
  await db.query(
    `INSERT INTO account (id, handle, name, email, password_hash, created_at)
     SELECT id, handle, handle, handle || '@example.org', '', now() FROM unnest($1::uuid[], $2::text[]) AS p (id, handle)`,
    [people.map(idOf), people.map(handleOf)],
  );
  const rows = people.flatMap((person) => [...edges.get(person)!].map((friend) => [person, friend] as const));
  await db.query(
    `INSERT INTO friendship (user_id, friend_id, friend_handle, started_at)
     SELECT u, f, h, now() FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS e (u, f, h)`,
    [rows.map(([u]) => idOf(u)), rows.map(([, f]) => idOf(f)), rows.map(([, f]) => handleOf(f))],
  );
  await db.query('VACUUM ANALYZE friendship');
  await db.query('ANALYZE account');
}

/** The same question, asked of sets in memory. */
function expected(person: number, hidden: ReadonlySet<number> = new Set()): [string, number][] {
  const common = new Map<number, number>();
  for (const friend of friendsOf.get(person)!)
    for (const other of friendsOf.get(friend)!) common.set(other, (common.get(other) ?? 0) + 1);
  return [...common]
    .filter(([other]) => other !== person && !friendsOf.get(person)!.has(other) && !hidden.has(other))
    .map(([other, count]): [string, number] => [handleOf(other), count])
    .sort(([a, one], [b, two]) => two - one || (a < b ? -1 : 1));
}

async function suggested(person: number, limit = 100): Promise<[string, number][]> {
  const items: Suggestion[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await suggestFriends(db, idOf(person), { limit, cursor });
    assert.ok(!isRefusal(page));
    items.push(...page.items);
    if (page.nextCursor === null) return items.map((item) => [item.handle, item.commonFriends]);
    cursor = page.nextCursor;
  }
}

test('the graph is as dense as the one it stands for', () => {
  const degrees = [...friendsOf.values()].map((friends) => friends.size);
  assert.equal(degrees.reduce((sum, degree) => sum + degree, 0) / 2, FRIENDSHIPS);
  assert.ok(Math.max(...degrees) > 150, String(Math.max(...degrees)));
});

test('for people all over the graph, every page of suggestions is what the sets say', async () => {
  const best = [...friendsOf].sort(([, a], [, b]) => b.size - a.size).map(([person]) => person);
  const sample = [...best.slice(0, 3), ...best.slice(-3), ...best.filter((_, rank) => rank % 97 === 0)];
  for (const person of sample) assert.deepEqual(await suggested(person), expected(person), `person ${person}`);
});

test('small pages put together are the large one', async () => {
  assert.deepEqual((await suggested(17, 7)).slice(0, 70), expected(17).slice(0, 70));
});

test('people with an open request or a block, either way, are left out', async () => {
  const person = 5;
  const [toldTo, askedBy, blocked, blocker] = expected(person).map(([handle]) => Number(handle.split('_')[1]));
  const request = `INSERT INTO friend_request (id, from_id, to_id, created_at) VALUES (gen_random_uuid(), $1, $2, now())`;
  const block = `INSERT INTO block (id, blocker_id, blocked_id) VALUES (gen_random_uuid(), $1, $2)`;
  await db.query(request, [idOf(person), idOf(toldTo!)]);
  await db.query(request, [idOf(askedBy!), idOf(person)]);
  await db.query(block, [idOf(person), idOf(blocked!)]);
  await db.query(block, [idOf(blocker!), idOf(person)]);
  assert.deepEqual(await suggested(person), expected(person, new Set([toldTo!, askedBy!, blocked!, blocker!])));
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly Plans?: readonly Plan[];
}
const nodesOf = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
const planOf = async (person: number, walkMax: number): Promise<Plan[]> => {
  const literal = [`'${idOf(person)}'::uuid`, '2147483647', "''", '21', String(walkMax)];
  const text = SUGGESTIONS.replaceAll(/\$([1-5])/g, (_, index: string) => literal[Number(index) - 1]!);
  const [row] = await db.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${text}`);
  return nodesOf(row!['QUERY PLAN'][0].Plan);
};

test('the walk reads one index alone, a row for each step, and nothing scans all friendships', async () => {
  const [person] = [...friendsOf].sort(([, a], [, b]) => b.size - a.size)[0]!;
  const nodes = await planOf(person, SUGGESTION_WALK_MAX);
  assert.deepEqual(
    nodes.filter((node) => node['Node Type'].includes('Seq Scan') && node['Relation Name'] === 'friendship'),
    [],
  );
  const walk = nodes.filter((node) => node['Index Name'] === 'friendship_by_handle' && node['Actual Loops'] > 1);
  assert.deepEqual(
    walk.map((node) => node['Node Type']),
    ['Index Only Scan'],
  );
  const steps = [...friendsOf.get(person)!].reduce((sum, friend) => sum + friendsOf.get(friend)!.size, 0);
  const read = walk[0]!['Actual Rows'] * walk[0]!['Actual Loops'];
  assert.ok(Math.abs(read - steps) <= steps * 0.02, `${read} rows for ${steps} steps`);
});

test('the walk stops where it is told to, and what it found is in order and comes once', async () => {
  const [person] = [...friendsOf].sort(([, a], [, b]) => b.size - a.size)[0]!;
  const walked = (await planOf(person, 500)).filter((node) => node['Index Name'] === 'friendship_by_handle');
  const most = Math.max(...walked.map((node) => node['Actual Rows'] * node['Actual Loops']));
  assert.ok(most > 0 && most <= 520, String(most));
  const rows = await listSuggestions(db, idOf(person), { after: null, limit: 1_000, walkMax: 500 });
  const found = rows.map((row): [string, number] => [row.handle, row.commonFriends]);
  assert.ok(found.length > 10);
  assert.deepEqual(
    found,
    found.toSorted(([a, one], [b, two]) => two - one || (a < b ? -1 : 1)),
  );
  assert.equal(new Set(found.map(([handle]) => handle)).size, found.length);
  const true_ = new Map(expected(person));
  for (const [handle, count] of found) assert.ok(count <= true_.get(handle)!, handle);
});
