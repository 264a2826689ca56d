/** The service as a process of its own: killed in the middle of its work, and started with a faulty environment. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Post } from '@switchyard/contracts/feeds';
import { uuidv7 } from '@switchyard/kit/ids';
import { startTestFeeds } from './test-feeds.ts';
import type { TestFeeds } from './test-feeds.ts';

const main = fileURLToPath(new URL('./main.js', import.meta.url));

describe('the process', () => {
  let feeds: TestFeeds;
  before(async () => {
    feeds = await startTestFeeds();
  });
  after(() => feeds.stop());

  const start = (environment: Record<string, string>): ChildProcess =>
    spawn(process.execPath, [main], { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const environment = async () => ({
    PORT: String(await freePort()),
    SERVICE_NAME: 'feeds',
    DEPLOYMENT_ID: 'feeds-1',
    INSTANCE_ID: 'feeds-process',
    SERVICE_TOKEN: feeds.keys.service('feeds'),
    REGISTRY_URL: `http://127.0.0.1:${await freePort()}`,
    GATEWAY_JWKS_URL: feeds.jwksUrl,
    DATABASE_URL: feeds.databaseUrl,
  });

  it('killed after it has answered leaves no post out of any timeline', async () => {
    const ada = await feeds.person();
    await feeds.settled();
    const crowd = Array.from({ length: 1_500 }, () => uuidv7());
    await feeds.db.query(
      `INSERT INTO circle (person_id, member_id)
       SELECT $1::uuid, id FROM unnest($2::uuid[]) id UNION ALL SELECT id, $1::uuid FROM unnest($2::uuid[]) id`,
      [ada.id, crowd],
    );
    await feeds.first.stop();
    const settings = await environment();
    const child = start(settings);
    await line(child, '"ready"');
    const ids = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const response = await fetch(`http://127.0.0.1:${settings.PORT}/api/posts`, {
          method: 'POST',
          headers: { ...ada.headers(), 'content-type': 'application/json' },
          body: JSON.stringify({ text: `post ${i}` }),
        });
        assert.equal(response.status, 201);
        return ((await response.json()) as Post).id;
      }),
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    const [open] = await feeds.db.query<{ n: number }>('SELECT count(*) AS n FROM fan_out');
    assert.ok(open!.n > 0, 'there was work left to be done');
    const next = await feeds.another();
    await feeds.settled();
    const reached = await feeds.db.query<{ n: number }>(
      'SELECT count(*) AS n FROM timeline WHERE post_id = ANY ($1) GROUP BY post_id',
      [ids],
    );
    assert.deepEqual(
      reached.map((row) => row.n),
      ids.map(() => crowd.length + 1),
    );
    await next.stop();
  });

  it('stops on SIGTERM with exit code 0', async () => {
    const child = start(await environment());
    await line(child, '"ready"');
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
  });

  it('names every fault of its environment and exits with 1', async () => {
    const child = start({ PORT: 'x' });
    let said = '';
    child.stderr!.on('data', (text: Buffer) => (said += text.toString()));
    child.stdout!.on('data', (text: Buffer) => (said += text.toString()));
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 1);
    for (const fault of [/PORT is "x"/, /DATABASE_URL is missing/, /SERVICE_TOKEN is missing/])
      assert.match(said, fault);
  });
});

/** Until the process has logged it. */
async function line(child: ChildProcess, wanted: string): Promise<void> {
  for await (const text of child.stdout!) if (String(text).includes(wanted)) break;
  child.stdout!.resume();
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}
