/** Feed streams over HTTP, with several instances on one database. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Post } from '@switchyard/contracts/feeds';
import { ask } from '@switchyard/kit/http/test-ask';
import { startTestFeeds } from '../test-feeds.ts';
import type { TestFeeds, TestPerson } from '../test-feeds.ts';

/** Reads a stream block by block, as the server writes them. */
class StreamReader {
  readonly response: Response;
  lastEventId = '';
  private readonly aborter: AbortController;
  private readonly blocks: AsyncGenerator<string>;

  private constructor(response: Response, aborter: AbortController) {
    this.response = response;
    this.aborter = aborter;
    this.blocks = blocksOf(response);
  }

  static async open(url: string, who: TestPerson, lastEventId?: string): Promise<StreamReader> {
    const aborter = new AbortController();
    const response = await fetch(`${url}/api/feed/stream`, {
      headers: { ...who.headers(), ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) },
      signal: AbortSignal.any([aborter.signal, AbortSignal.timeout(10_000)]),
    });
    return new StreamReader(response, aborter);
  }

  /** The next post; null when the stream has ended. */
  async post(): Promise<Post | null> {
    for (;;) {
      const block = await this.blocks.next();
      if (block.done === true) return null;
      const fields = new Map(
        block.value.split('\n').map((line): [string, string] => {
          const colon = line.indexOf(': ');
          return [line.slice(0, colon), line.slice(colon + 2)];
        }),
      );
      this.lastEventId = fields.get('id') ?? this.lastEventId;
      if (fields.get('event') === 'post') return JSON.parse(fields.get('data')!) as Post;
    }
  }

  /** Until the server has said from where on it streams. */
  async begun(): Promise<this> {
    while (this.lastEventId === '') {
      const { value } = await this.blocks.next();
      this.lastEventId = /^id: (.*)$/m.exec(value as string)?.[1] ?? '';
    }
    return this;
  }

  close(): void {
    this.aborter.abort();
  }
}

async function* blocksOf(response: Response): AsyncGenerator<string> {
  let buffered = '';
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    buffered += text;
    for (let end = buffered.indexOf('\n\n'); end >= 0; end = buffered.indexOf('\n\n')) {
      yield buffered.slice(0, end);
      buffered = buffered.slice(end + 2);
    }
  }
}

describe('a feed stream', () => {
  let feeds: TestFeeds;
  before(async () => {
    feeds = await startTestFeeds();
  });
  after(() => feeds.stop());

  const friends = async () => {
    const [ada, ben] = [await feeds.person(), await feeds.person()];
    await feeds.users.befriended(ada, ben);
    await feeds.settled();
    return { ada, ben };
  };

  it('brings own and friends’ posts as they come, whole, and no others', async () => {
    const { ada, ben } = await friends();
    const eve = await feeds.person();
    const stream = await (await StreamReader.open(feeds.url, ben)).begun();
    assert.match(stream.response.headers.get('content-type')!, /^text\/event-stream/);
    assert.match(stream.response.headers.get('cache-control')!, /no-store/);
    await eve.posts('not for ben');
    const first = await ada.posts('one');
    assert.deepEqual(await stream.post(), first);
    const second = await ben.posts('two');
    assert.deepEqual(await stream.post(), second);
    stream.close();
  });

  it('brings posts that were written at another instance', async () => {
    const { ada, ben } = await friends();
    const other = await feeds.another();
    const stream = await (await StreamReader.open(other.url, ben)).begun();
    const written = await ada.posts('from the first instance');
    assert.deepEqual(await stream.post(), written);
    stream.close();
    await other.stop();
  });

  it('goes from one side of a swap to the other without missing a post, whichever side it was written on', async () => {
    const { ada, ben } = await friends();
    const next = await feeds.another();
    const written = new Set<string>();
    const writes = async (url: string, who: TestPerson) => {
      const answer = await ask<Post>(url, 'POST', '/api/posts', {
        body: { text: 'in a swap' },
        headers: who.headers(),
      });
      written.add(answer.body.id);
    };
    const reads = async (stream: StreamReader) => {
      while (written.size > 0) written.delete((await stream.post())!.id);
    };
    const before = await (await StreamReader.open(feeds.url, ben)).begun();
    for (const url of [next.url, feeds.url]) for (const who of [ada, ben]) await writes(url, who);
    await reads(before);
    before.close();
    for (const url of [next.url, feeds.url]) await writes(url, ada);
    const after = await StreamReader.open(next.url, ben, before.lastEventId);
    for (const url of [feeds.url, next.url]) for (const who of [ada, ben]) await writes(url, who);
    await reads(after);
    after.close();
    await next.stop();
  });

  it('resumes after the last event, and loses nothing', async () => {
    const { ada, ben } = await friends();
    const stream = await (await StreamReader.open(feeds.url, ben)).begun();
    const seen = [await ada.posts('1')];
    assert.equal((await stream.post())?.id, seen[0]!.id);
    stream.close();
    const missed = [await ada.posts('2'), await ada.posts('3')];
    await feeds.settled();
    const again = await StreamReader.open(feeds.url, ben, stream.lastEventId);
    const wanted = new Set(missed.map((post) => post.id));
    while (wanted.size > 0) wanted.delete((await again.post())!.id);
    again.close();
  });

  it('brings nothing twice to whom it has sent away, though somebody’s transaction was open all the time', async () => {
    const { ada, ben } = await friends();
    const held = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    const holder = feeds.db.transaction(async (tx) => {
      await tx.query('SELECT pg_current_xact_id()');
      holding.resolve();
      await held.promise;
    });
    await holding.promise;
    const stream = await (await StreamReader.open(feeds.url, ben)).begun();
    for (const text of ['1', '2']) {
      const written = await ada.posts(text);
      assert.equal((await stream.post())?.id, written.id);
    }
    stream.close();
    const again = await StreamReader.open(feeds.url, ben, stream.lastEventId);
    const third = await ada.posts('3');
    const after = await again.post();
    held.resolve();
    await holder;
    assert.equal(after?.id, third.id);
    const fourth = await ada.posts('4');
    assert.equal((await again.post())?.id, fourth.id);
    again.close();
  });

  it('resumes to a post that arrived late, behind one with a higher id', async () => {
    const { ada, ben } = await friends();
    const cyd = await feeds.person();
    await feeds.users.befriended(cyd, ben);
    await feeds.settled();
    const stream = await (await StreamReader.open(feeds.url, ben)).begun();
    // ada's fan-out is held up as long as somebody is changing a circle in her bucket
    const held = Promise.withResolvers<void>();
    const holding = Promise.withResolvers<void>();
    const holder = feeds.db.transaction(async (tx) => {
      await tx.query('SELECT pg_advisory_xact_lock(65261, uuid_hash($1) & 511)', [ada.id]);
      holding.resolve();
      await held.promise;
    });
    await holding.promise;
    const late = await ada.posts('early id, late arrival');
    const early = await cyd.posts('later id');
    assert.equal((await stream.post())?.id, early.id);
    stream.close();
    held.resolve();
    await holder;
    await feeds.settled();
    const again = await StreamReader.open(feeds.url, ben, stream.lastEventId);
    const got: string[] = [];
    while (!got.includes(late.id)) got.push((await again.post())!.id);
    again.close();
  });

  it('brings nothing of somebody who is a friend no more', async () => {
    const { ada, ben } = await friends();
    const stream = await (await StreamReader.open(feeds.url, ben)).begun();
    stream.close();
    await ada.posts('while ben was away');
    await feeds.settled();
    await feeds.users.parted(ada, ben);
    await feeds.settled();
    const again = await StreamReader.open(feeds.url, ben, stream.lastEventId);
    const own = await ben.posts('my own');
    assert.equal((await again.post())?.id, own.id);
    again.close();
  });

  it('does not bring old posts of a new friend', async () => {
    const [ada, ben] = [await feeds.person(), await feeds.person()];
    await ada.posts('long ago');
    await feeds.settled();
    const stream = await (await StreamReader.open(feeds.url, ben)).begun();
    await feeds.users.befriended(ada, ben);
    await feeds.settled();
    assert.equal((await ben.feed()).items.length, 1);
    const fresh = await ada.posts('today');
    assert.equal((await stream.post())?.id, fresh.id);
    stream.close();
  });

  it('begins now for an id of another life of the database, and refuses one that no stream sends', async () => {
    const { ada, ben } = await friends();
    const stream = await (await StreamReader.open(feeds.url, ben, 'f9000000000000000000')).begun();
    const written = await ada.posts('after');
    assert.equal((await stream.post())?.id, written.id);
    stream.close();
    const refused = await StreamReader.open(feeds.url, ben, 'bogus');
    assert.equal(refused.response.status, 400);
    assert.equal(((await refused.response.json()) as { code: string }).code, 'REQUEST_CURSOR_INVALID');
  });

  it('is refused beyond twenty for one person, until one is closed', async () => {
    const ada = await feeds.person();
    const streams = await Promise.all(
      Array.from({ length: 20 }, async () => (await StreamReader.open(feeds.url, ada)).begun()),
    );
    const refused = await StreamReader.open(feeds.url, ada);
    assert.deepEqual([refused.response.status, refused.response.headers.get('retry-after')], [429, '10']);
    assert.equal(((await refused.response.json()) as { code: string }).code, 'FEEDS_TOO_MANY_STREAMS');
    for (const stream of streams) stream.close();
    let status = 429;
    while (status === 429) {
      const next = await StreamReader.open(feeds.url, ada);
      ({ status } = next.response);
      next.close();
    }
    assert.equal(status, 200);
  });

  it('answers HEAD and ends', async () => {
    const ada = await feeds.person();
    const response = await fetch(`${feeds.url}/api/feed/stream`, {
      method: 'HEAD',
      headers: ada.headers(),
      signal: AbortSignal.timeout(10_000),
    });
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type')!, /^text\/event-stream/);
  });

  it('ends in peace when its instance stops', async () => {
    const ada = await feeds.person();
    const other = await feeds.another();
    const stream = await (await StreamReader.open(other.url, ada)).begun();
    const stopped = other.stop();
    assert.equal(await stream.post(), null);
    await stopped;
  });
});
