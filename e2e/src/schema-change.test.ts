/** A column is renamed by expand and contract, over two swaps and a rollback, while people write: no request fails, and nothing that was written is lost. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts, processesBelow, REPOSITORY, run } from './yard-under-test.ts';
import type { Status } from './yard-under-test.ts';

const YARD = path.join(REPOSITORY, 'bin/yard.js');
const WRITERS = 4;
/** Between two people of one writer. */
const PACE_MS = 10;

/** By absolute address: the service has no package.json, and whatever it imports stays where it is. */
const PG = import.meta.resolve('pg');

/** `reads`: the column that it knows a name by. `writes`: what it sets to the name. */
const service = (reads: 'name' | 'full_name', writes: readonly string[]) => `
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';
import pg from ${JSON.stringify(PG)};
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 5 });
pool.on('error', (error) => console.error(error.message));
const query = async (sql, values) => (await pool.query(sql, values)).rows;
await query('CREATE TABLE IF NOT EXISTS person (id text PRIMARY KEY, ${reads} text NOT NULL)');
const routes = {
  'GET /health': () => query('SELECT 1'),
  'GET /columns': async () =>
    (await query("SELECT column_name FROM information_schema.columns WHERE table_name = 'person' ORDER BY 1")).map((row) => row.column_name),
  'GET /people': () => query('SELECT id, ${reads} AS name FROM person'),
  'POST /people': ({ id, name }) =>
    query('INSERT INTO person (id, ${writes.join(', ')}) VALUES ($1, ${writes.map(() => '$2').join(', ')})', [id, name]),
  'PATCH /people': ({ id, name }) =>
    query('UPDATE person SET ${writes.map((column) => `${column} = $2`).join(', ')} WHERE id = $1 RETURNING id', [id, name]),
};
const server = createServer(async (request, response) => {
  try {
    const [at, id] = request.url.split('?id=');
    const body = await text(request);
    const rows = await (id === undefined
      ? routes[request.method + ' ' + at](body === '' ? {} : JSON.parse(body))
      : query('SELECT id, ${reads} AS name FROM person WHERE id = $1', [id]));
    response.end(JSON.stringify(rows));
  } catch (error) {
    console.error(request.method, request.url, error);
    response.statusCode = 500;
    response.end();
  }
});
server.listen(process.env.PORT, process.env.HOST);
process.on('SIGTERM', () => server.close(() => pool.end()));
`;

const hook = (sql: string) => `
import pg from ${JSON.stringify(PG)};
const client = new pg.Client({ connectionString: process.env.DATABASE_URL });
await client.connect();
try {
  await client.query(${JSON.stringify(`BEGIN; SET LOCAL lock_timeout = '10s'; ${sql} COMMIT`)});
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
await client.end();
`;

/** May be run again. Whichever column is written, by whichever version: the trigger sets the other. */
const EXPAND = `
ALTER TABLE person ADD COLUMN IF NOT EXISTS full_name text;
CREATE OR REPLACE FUNCTION keep_both_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    NEW.full_name := coalesce(NEW.full_name, NEW.name);
    NEW.name := coalesce(NEW.name, NEW.full_name);
  ELSIF NEW.full_name IS DISTINCT FROM OLD.full_name THEN NEW.name := NEW.full_name;
  ELSIF NEW.name IS DISTINCT FROM OLD.name THEN NEW.full_name := NEW.name;
  END IF;
  RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER keep_both_names BEFORE INSERT OR UPDATE ON person FOR EACH ROW EXECUTE FUNCTION keep_both_names();
UPDATE person SET full_name = name WHERE full_name IS NULL;
`;
const CONTRACT = `
DROP TRIGGER keep_both_names ON person;
DROP FUNCTION keep_both_names();
ALTER TABLE person ALTER COLUMN full_name SET NOT NULL, DROP COLUMN name;
`;

let folder: string;
let ports: number[];
let origin: string;

const yard = (...words: string[]) => run(process.execPath, [YARD, ...words], folder);

async function write(files: Readonly<Record<string, string>>, hooks = ''): Promise<void> {
  const [registry, gateway, admin, blue, green] = ports;
  const entry = `run: node service.mjs, ports: [${blue}, ${green}], routes: [/people, /columns], health: /health, postgres: people, bake: 1s`;
  await writeFile(
    path.join(folder, 'switchyard.yaml'),
    `registry: { port: ${registry} }
gateway: { port: ${gateway}, adminPort: ${admin} }
services:
  people: { ${entry}${hooks} }
`,
  );
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
}

/** Runs a command that must succeed. */
async function done(...words: string[]): Promise<void> {
  const { code, stdout, stderr } = await yard(...words);
  assert.equal(code, 0, `yard ${words.join(' ')}: ${stdout}${stderr}`);
}

async function live(): Promise<string | null> {
  const status = JSON.parse((await yard('status', '--json')).stdout) as Status;
  return status.services['people']!.live;
}

const ask = async (method: string, at: string, body?: object): Promise<unknown> => {
  const answer = await fetch(origin + at, {
    method,
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${method} ${at} answers ${answer.status} ${text}`);
  return JSON.parse(text);
};

/** People who write, read what they wrote and change it, until they are told to stop; nothing is tried twice. */
class Writers {
  readonly written = new Map<string, string>();
  readonly faults: string[] = [];
  private isOver = false;
  private readonly all = Array.from({ length: WRITERS }, () => this.write());

  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.all);
  }

  private async write(): Promise<void> {
    while (!this.isOver) {
      const id = randomUUID();
      for (const [method, name] of [
        ['POST', `first of ${id}`],
        ['PATCH', `second of ${id}`],
      ] as const) {
        try {
          await ask(method, '/people', { id, name });
          this.written.set(id, name);
          assert.deepEqual(await ask('GET', `/people?id=${id}`), [{ id, name }]);
        } catch (error) {
          this.faults.push((error as Error).message);
        }
      }
      await pause(PACE_MS);
    }
  }
}

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'schema-change-'));
  ports = await freePorts(5);
  origin = `http://localhost:${ports[1]}`;
  await write({ 'service.mjs': service('name', ['name']) });
  await done('up', '-d');
});
after(async () => {
  await yard('down', '--now');
  await yard('reset', '--yes');
  await rm(folder, { recursive: true, force: true });
});

test(
  'a column is renamed over two swaps and a rollback, under writes, and nothing is lost',
  { timeout: 180_000 },
  async () => {
    const writers = new Writers();
    try {
      const v2 = { 'service.mjs': service('full_name', ['name', 'full_name']), 'expand.mjs': hook(EXPAND) };
      await write(v2, ', migrate: node expand.mjs');
      await done('swap', 'people', '--bake', '1s');
      assert.equal(await live(), 'people-2');
      assert.deepEqual(await ask('GET', '/columns'), ['full_name', 'id', 'name']);

      // The version before still works on what was expanded, and knows what the new one has written. It has been retired: its release starts anew.
      await done('rollback', 'people');
      assert.equal(await live(), 'people-1');

      const v3 = { 'service.mjs': service('full_name', ['full_name']), 'contract.mjs': hook(CONTRACT) };
      await write(v3, ', migrate: node expand.mjs, contract: node contract.mjs');
      await done('swap', 'people', '--bake', '1s');
      assert.equal(await live(), 'people-3');
      assert.deepEqual(await ask('GET', '/columns'), ['full_name', 'id']);
    } finally {
      await writers.stop();
    }
    assert.deepEqual(writers.faults, []);
    const people = (await ask('GET', '/people')) as { id: string; name: string }[];
    assert.deepEqual(new Map(people.map(({ id, name }) => [id, name])), writers.written);
    assert.ok(people.length > 20, `${people.length} were written`);
  },
);

test('a migration that fails leaves what is live as it was, and says why', { timeout: 60_000 }, async () => {
  const liveBefore = await live();
  await write({ 'expand.mjs': hook('ALTER TABLE nobody ADD COLUMN x int;') }, ', migrate: node expand.mjs');
  const { code, stdout, stderr } = await yard('swap', 'people', '--bake', '1s');
  assert.equal(code, 3, stdout + stderr);
  assert.match(stdout + stderr, /migrate hook failed[\s\S]*relation "nobody" does not exist/);
  assert.equal(await live(), liveBefore);
  assert.deepEqual(await ask('GET', '/columns'), ['full_name', 'id']);
});

test('nothing of it is left when it is down', { timeout: 60_000 }, async () => {
  await done('down');
  assert.deepEqual(await processesBelow(folder), []);
});
