/** Streams whose clients are slow, and whose database is away for a while; time is turned by the test. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { FakeClock } from '@switchyard/kit/clock';
import { isRefusal } from '@switchyard/kit/errors';
import { createMetrics } from '@switchyard/kit/metrics';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database } from '@switchyard/kit/postgres/database';
import { log, startTestFeeds } from '../test-feeds.ts';
import type { TestFeeds, TestPerson } from '../test-feeds.ts';
import { FeedStreams } from './feed-streams.ts';
import type { OpenStream } from './feed-streams.ts';

/** A client that reads or does not. */
class Client {
  isReading = true;
  text = '';
  ending: 'ended' | 'cut' | null = null;
  private waiting: (() => void)[] = [];
  readonly write = (text: string): boolean => {
    this.text += text;
    for (const tell of this.waiting.splice(0)) tell();
    return this.isReading;
  };
  readonly end = () => void (this.ending = 'ended');
  readonly destroy = () => void (this.ending = 'cut');
  async until(wanted: string): Promise<void> {
    while (!this.text.includes(wanted)) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

describe('streams', () => {
  let feeds: TestFeeds;
  let db: Database;
  before(async () => {
    feeds = await startTestFeeds();
    db = openDatabase({ url: feeds.databaseUrl, log });
  });
  after(async () => {
    await db.close();
    await feeds.stop();
  });

  const opened = async () => {
    const ada = await feeds.person();
    const clock = new FakeClock();
    const streams = new FeedStreams(db, clock, log, createMetrics(), () => 0.5);
    const client = new Client();
    const stream = streams.open(ada.id, undefined, client);
    assert.ok(!isRefusal(stream));
    await client.until('id: f');
    const tell = async (who: TestPerson, text: string) => {
      await who.posts(text);
      streams.newPosts([who.id]);
    };
    return { ada, clock, streams, client, stream, tell };
  };

  it('tell their client to come back within a second, each after another time', async () => {
    const { client } = await opened();
    assert.match(client.text, /^retry: 450\n\n/);
  });

  it('show that they live every 15 seconds', async () => {
    const { clock, client, stream, streams } = await opened();
    await clock.advance(15_000);
    assert.match(client.text, /^: still here$/m);
    stream.closed();
    await streams.drain(0);
  });

  it('keep nothing for a client that does not read, and bring it everything when it reads again', async () => {
    const { ada, client, stream, streams, tell } = await opened();
    client.isReading = false;
    await tell(ada, 'fills the pipe');
    await client.until('fills the pipe');
    const before = client.text;
    const reader = new Client();
    const reading = streams.open(ada.id, undefined, reader) as OpenStream;
    await reader.until('id: f');
    for (let i = 0; i < 5; i++) await tell(ada, `waits ${i}`);
    await reader.until('waits 4');
    reading.closed();
    assert.equal(client.text, before);
    client.isReading = true;
    stream.drained();
    await client.until('waits 4');
    for (let i = 0; i < 5; i++) assert.ok(client.text.includes(`waits ${i}`));
    assert.equal(client.text.split('fills the pipe').length, 2, 'and nothing twice');
    stream.closed();
    await streams.drain(0);
  });

  it('are cut when their client has not read for 30 seconds', async () => {
    const { ada, clock, client, tell, streams } = await opened();
    client.isReading = false;
    await tell(ada, 'not read');
    await client.until('not read');
    await clock.advance(30_000);
    assert.equal(client.ending, 'cut');
    await streams.drain(0);
  });

  it('end after ten minutes, so that nobody listens for longer than an identity may last', async () => {
    const { clock, client, stream, streams } = await opened();
    await clock.advance(585_000);
    assert.equal(client.ending, null);
    await clock.advance(15_000);
    assert.equal(client.ending, 'ended');
    stream.closed();
    await streams.drain(0);
  });

  it('bring by the next heartbeat what nobody told them of', async () => {
    const { ada, clock, client, stream, streams } = await opened();
    await ada.posts('untold');
    const arrived = client.until('untold');
    await clock.advance(15_000);
    await arrived;
    stream.closed();
    await streams.drain(0);
  });

  it('end spread over the time that they have', async () => {
    const { ada, clock, client, streams } = await opened();
    const second = new Client();
    streams.open(ada.id, undefined, second);
    await second.until('id: f');
    const drained = streams.drain(1_000);
    await clock.advance(0);
    assert.deepEqual([client.ending, second.ending], ['ended', null]);
    await clock.advance(500);
    await drained;
    assert.equal(second.ending, 'ended');
    assert.ok(isRefusal(streams.open(ada.id, undefined, new Client())), 'and no new one begins');
  });
});
