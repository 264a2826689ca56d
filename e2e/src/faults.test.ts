/** What goes on when something dies: each part killed at once and under use, and the supervisor that started them all. */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { Post } from '@switchyard/contracts/feeds';
import { ApiError } from '@switchyard/demo/api-client';
import { befriend, somebody } from './people.ts';
import type { Somebody } from './people.ts';
import { eventually, processesBelow, YardUnderTest } from './yard-under-test.ts';

let yard: YardUnderTest;
let ada: Somebody;
let ben: Somebody;
before(async () => {
  yard = await YardUnderTest.create();
  await yard.up();
});
beforeEach(async () => {
  [ada, ben] = [await somebody(yard.origin, 'ada'), await somebody(yard.origin, 'ben')];
  await befriend(ada, ben);
});
after(() => yard.remove());

/** Ada writes and Ben reads, over and over, until told to stop; counts what was refused and remembers what was accepted. */
class Use {
  readonly written: string[] = [];
  readonly refused = new Map<string, number>();
  private isOver = false;
  private readonly running: Promise<void>;
  constructor(writer: Somebody, reader: Somebody) {
    this.running = Promise.all([
      this.repeat(async (turn) => {
        const { id } = await writer.api.call<Post>('POST', '/api/posts', { text: `use ${turn}` });
        this.written.push(id);
      }),
      this.repeat(() => reader.api.call('GET', '/api/feed')),
    ]).then(() => undefined);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async repeat(work: (turn: number) => Promise<unknown>): Promise<void> {
    for (let turn = 0; !this.isOver; turn++) {
      try {
        await work(turn);
      } catch (error) {
        const reason = error instanceof ApiError ? `${error.status} ${error.problem.code}` : String(error);
        this.refused.set(reason, (this.refused.get(reason) ?? 0) + 1);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** Every post that was accepted is in the reader's feed, once. */
async function assertNothingLost(use: Use): Promise<void> {
  assert.ok(use.written.length > 0, 'nothing was written');
  await eventually('every accepted post is in the feed', async () => {
    const ids = (await ben.api.all<Post>('/api/feed')).map((post) => post.id);
    assert.equal(new Set(ids).size, ids.length, 'a post came twice');
    assert.deepEqual(
      use.written.filter((id) => !ids.includes(id)),
      [],
    );
    return true;
  });
}

for (const name of ['users', 'feeds', 'front', 'registry', 'postgres', 'gateway']) {
  test(
    `${name} killed under use is back by itself, and nothing accepted is lost or done twice`,
    { timeout: 120_000 },
    async () => {
      const before = await yard.status();
      const use = new Use(ada, ben);
      await eventually('it is in use', () => Promise.resolve(use.written.length > 3));
      const pids = await yard.pids();
      await yard.kill(name);
      await eventually(
        `${name} is back`,
        async () => {
          const now = (await yard.pids()).get(name);
          return (
            now?.length === pids.get(name)!.length &&
            now.every((pid) => !pids.get(name)!.includes(pid)) &&
            (await yard.isWell(name))
          );
        },
        30_000,
      );
      await eventually('writing works again', () => ada.api.call('GET', '/api/feed'), 30_000);
      const soFar = use.written.length;
      await eventually('it is in use again', () => Promise.resolve(use.written.length > soFar + 3), 30_000);
      await use.end();
      await assertNothingLost(use);
      const after = await yard.status();
      for (const [service, { live }] of Object.entries(before.services))
        assert.equal(after.services[service]!.live, live);
      // A registry that is away is nobody's fault but its own: no request noticed.
      if (name === 'registry' || name === 'front' || name === 'users') assert.deepEqual([...use.refused], []);
    },
  );
}

test(
  'with Users stopped, who is signed in goes on reading and posting, and signing in says when to try again',
  { timeout: 120_000 },
  async () => {
    assert.equal((await yard.yard('stop', 'users')).code, 0);
    const post = await ada.api.call<Post>('POST', '/api/posts', { text: `alone with @${ben.handle}` });
    await eventually('it arrives all the same', async () =>
      (await ben.api.call<{ items: Post[] }>('GET', '/api/feed')).items.some((item) => item.id === post.id),
    );
    const refused = await fetch(`${yard.origin}/api/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ login: ada.handle, password: ada.password }),
    });
    assert.equal(refused.status, 503);
    assert.ok(Number(refused.headers.get('retry-after')) > 0);
    assert.equal((await yard.yard('restart', 'users')).code, 0);
    await eventually('signing in works again', () => ada.api.signIn(ada.handle, ada.password).then(() => true));
  },
);

test(
  'with Feeds stopped, friends and profiles work, and what happened meanwhile arrives when it is back',
  { timeout: 120_000 },
  async () => {
    const cy = await somebody(yard.origin, 'cy_');
    const old = await ada.api.call<Post>('POST', '/api/posts', { text: 'written before' });
    assert.equal((await yard.yard('stop', 'feeds')).code, 0);
    await ada.api.call('POST', '/api/friends/requests', { handle: cy.handle });
    await cy.api.call('POST', '/api/friends/requests', { handle: ada.handle });
    assert.equal((await cy.api.call<{ friendship: string }>('GET', `/api/users/${ada.handle}`)).friendship, 'friends');
    await assert.rejects(
      cy.api.call('GET', '/api/feed'),
      (error: unknown) => error instanceof ApiError && error.status === 503,
    );
    assert.equal((await yard.yard('restart', 'feeds')).code, 0);
    await eventually('the new friend has the old post', async () =>
      (await cy.api.call<{ items: Post[] }>('GET', '/api/feed')).items.some((item) => item.id === old.id),
    );
  },
);

test(
  'the supervisor killed: everything goes on; yard up takes over what runs and starts nothing anew',
  { timeout: 120_000 },
  async () => {
    const use = new Use(ada, ben);
    const pids = await yard.pids();
    const second = await yard.yard('up', '-d');
    assert.equal(second.code, 1, 'a second yard up in one folder is refused');
    assert.match(second.stderr + second.stdout, /already/i);
    await yard.kill('supervisor');
    await eventually('it goes on without a supervisor', () => Promise.resolve(use.written.length > 20));
    const again = await yard.yard('up', '-d');
    assert.equal(again.code, 0, again.stderr + again.stdout);
    const now = await yard.pids();
    for (const [name, before] of pids)
      if (name !== 'supervisor') assert.deepEqual(now.get(name), before, `${name} was started anew`);
    await use.end();
    assert.deepEqual([...use.refused], []);
    await assertNothingLost(use);

    await yard.kill('front');
    await eventually(
      'the new supervisor brings back what dies',
      async () =>
        (await yard.pids()).get('front')?.some((pid) => !now.get('front')!.includes(pid)) === true &&
        (await fetch(yard.origin)).status === 200,
    );
  },
);

test(
  'yard down leaves no process, and what was written is there after the next start',
  { timeout: 180_000 },
  async () => {
    const post = await ada.api.call<Post>('POST', '/api/posts', { text: 'still here tomorrow' });
    const { services } = await yard.status();
    assert.equal((await yard.yard('down')).code, 0);
    assert.deepEqual(await processesBelow(yard.folder), []);
    await yard.up();
    assert.equal((await ben.api.call<Post>('GET', `/api/posts/${post.id}`)).text, post.text);
    // An unchanged tree is the same deployment: nothing was built again.
    assert.equal((await yard.status()).services['feeds']!.live, services['feeds']!.live);
  },
);
