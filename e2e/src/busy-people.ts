/**
 * People who use the application all the time, each thing that they do at its own pace, and who notice everything that is not as it
 * should be: a request that fails in any way, an answer about somebody else, something written that is missing or there twice.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Comment, Post } from '@switchyard/contracts/feeds';
import type { User } from '@switchyard/contracts/users';
import { FollowedFeed } from './followed-feed.ts';
import { befriend, somebody } from './people.ts';
import type { Somebody } from './people.ts';
import { eventually } from './yard-under-test.ts';

interface List<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

const DEADLINE_MS = 10_000;
const FRIENDS = 4;
/** Between the end of one and the beginning of the next. */
const PACES_MS = { write: 300, read: 400, like: 500, comment: 700, ask: 500, signIn: 1_500, refresh: 700, page: 300 };
/** Newest posts of the circle that are still liked and commented. */
const RECENT = 10;

export class BusyPeople {
  /** One sentence for each thing that was not as it should be. */
  readonly faults: string[] = [];
  /** How often each thing was done well. */
  readonly done: Record<string, number> = {};
  private readonly origin: string;
  private readonly circle: readonly Somebody[];
  /** Two who become friends and part again, over and over. */
  private readonly pair: readonly [Somebody, Somebody];
  private readonly feeds = new Map<Somebody, FollowedFeed>();
  /** Of each author, in the order in which they were acknowledged. */
  private readonly written = new Map<Somebody, Post[]>();
  private readonly mentioned = new Map<string, Somebody>();
  private readonly comments = new Map<string, string[]>();
  private readonly liked = new Map<Somebody, Map<string, boolean>>();
  private loops: Promise<void>[] = [];
  private isOver = false;
  private frontSeen = 0;

  private constructor(origin: string, circle: readonly Somebody[], pair: readonly [Somebody, Somebody]) {
    this.origin = origin;
    this.circle = circle;
    this.pair = pair;
    for (const person of circle) {
      this.written.set(person, []);
      this.liked.set(person, new Map());
    }
  }

  /** Signs them up; nothing else is done yet. */
  static async gather(origin: string): Promise<BusyPeople> {
    const circle: Somebody[] = [];
    for (let n = 0; n < FRIENDS; n++) {
      const person = await somebody(origin, 'busy');
      for (const other of circle) await befriend(person, other);
      circle.push(person);
    }
    return new BusyPeople(origin, circle, [await somebody(origin, 'ask'), await somebody(origin, 'answer')]);
  }

  async start(): Promise<void> {
    for (const person of this.circle) this.feeds.set(person, new FollowedFeed(this.origin, person.api.token!));
    await Promise.all([...this.feeds.values()].map((feed) => feed.begun));
    const browser = new Browser(this.origin, this.circle[0]!);
    await browser.signIn();
    for (const person of this.circle) {
      this.always('write', () => this.write(person));
      this.always('read', () => this.read(person));
      this.always('like', () => this.like(person));
      this.always('comment', () => this.comment(person));
    }
    this.always('ask', () => this.makeFriendsAndPart());
    this.always('signIn', () => new Browser(this.origin, this.circle[1]!).signIn());
    this.always('refresh', () => browser.refresh());
    this.always('page', () => this.openPage());
  }

  /** They finish what they are doing. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.loops);
  }

  /** How often streams ended cleanly and were opened again. */
  get reconnects(): number {
    return [...this.feeds.values()].reduce((sum, feed) => sum + feed.reconnects, 0);
  }

  /** Adds to the faults whatever of all that was acknowledged is missing, there twice, or in another order; closes the streams. */
  async verify(): Promise<void> {
    for (const author of this.circle) await this.verifyWritten(author);
    await this.verifyMentions();
    await this.verifyComments();
    for (const person of this.circle) {
      await this.verifyFeed(person);
      await this.verifyStream(person);
      await this.verifyLikes(person);
    }
  }

  private always(what: keyof typeof PACES_MS, act: () => Promise<void>): void {
    const loop = async () => {
      while (!this.isOver) {
        try {
          await act();
          this.done[what] = (this.done[what] ?? 0) + 1;
        } catch (error) {
          const { message, cause } = error as Error;
          this.faults.push(
            `${new Date().toISOString()} ${what}: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`,
          );
        }
        await pause(PACES_MS[what]);
      }
    };
    this.loops.push(loop());
  }

  /** Every second post mentions a friend, so that Feeds asks Users who that is. */
  private async write(author: Somebody): Promise<void> {
    const own = this.written.get(author)!;
    const friends = this.friendsOf(author);
    const friend = own.length % 2 === 0 ? friends[(own.length / 2) % friends.length]! : null;
    const text = `${author.handle} writes no. ${own.length}${friend === null ? '' : ` to @${friend.handle}`}`;
    const post = await author.api.call<Post>('POST', '/api/posts', { text });
    own.push(post);
    if (friend !== null) this.mentioned.set(post.id, friend);
    insist(post.text === text && post.author.id === author.id, `wrote ${text}, was answered ${JSON.stringify(post)}`);
    const again = await author.api.call<Post>('GET', `/api/posts/${post.id}`);
    insist(again.text === text && again.author.id === author.id, `wrote ${text}, read ${JSON.stringify(again)}`);
  }

  /** The first two pages of the feed, and who one is. */
  private async read(reader: Somebody): Promise<void> {
    const first = await reader.api.call<List<Post>>('GET', '/api/feed?limit=10');
    const second =
      first.nextCursor === null
        ? []
        : (
            await reader.api.call<List<Post>>(
              'GET',
              `/api/feed?limit=10&cursor=${encodeURIComponent(first.nextCursor)}`,
            )
          ).items;
    const ids = [...first.items, ...second].map(({ id }) => id);
    insist(isDescending(ids), `${reader.handle} reads a feed that is not in order: ${ids.join()}`);
    const stranger = [...first.items, ...second].find(({ author }) => this.circle.every(({ id }) => id !== author.id));
    insist(stranger === undefined, `${reader.handle} sees what ${stranger?.author.handle} wrote`);
    const me = await reader.api.call<User>('GET', '/api/users/me');
    insist(me.id === reader.id, `${reader.handle} is told to be ${me.handle}`);
    const { user } = await reader.api.call<{ user: User }>('GET', '/api/session');
    insist(user.id === reader.id, `the session of ${reader.handle} is that of ${user.handle}`);
  }

  private async like(person: Somebody): Promise<void> {
    const post = this.recentOf(person);
    if (post === undefined) return;
    const likes = this.liked.get(person)!;
    const isLiked = !(likes.get(post.id) ?? false);
    await person.api.call(isLiked ? 'PUT' : 'DELETE', `/api/posts/${post.id}/like`);
    likes.set(post.id, isLiked);
    const read = await person.api.call<Post>('GET', `/api/posts/${post.id}`);
    insist(read.liked === isLiked, `${person.handle} finds ${post.id} ${read.liked ? 'liked' : 'not liked'}`);
  }

  private async comment(person: Somebody): Promise<void> {
    const post = this.recentOf(person);
    if (post === undefined) return;
    const texts = this.comments.get(post.id) ?? [];
    this.comments.set(post.id, texts);
    const text = `${person.handle} says ${(this.done['comment'] ?? 0).toString()}.${texts.length}`;
    const made = await person.api.call<Comment>('POST', `/api/posts/${post.id}/comments`, { text });
    texts.push(text);
    insist(
      made.text === text && made.author.id === person.id,
      `commented ${text}, was answered ${JSON.stringify(made)}`,
    );
  }

  private async makeFriendsAndPart(): Promise<void> {
    const [asks, answers] = this.pair;
    await asks.api.call('POST', '/api/friends/requests', { handle: answers.handle });
    const { items } = await answers.api.call<List<{ id: string; from: { id: string } }>>(
      'GET',
      '/api/friends/requests',
    );
    const request = items.find(({ from }) => from.id === asks.id);
    insist(request !== undefined && items.length === 1, `one request is expected: ${JSON.stringify(items)}`);
    await answers.api.call('POST', `/api/friends/requests/${request!.id}/accept`);
    const friends = (await asks.api.call<List<User>>('GET', '/api/friends')).items.map(({ id }) => id);
    insist(friends.join() === answers.id, `one friend is expected: ${friends.join()}`);
    await asks.api.call('DELETE', `/api/friends/${answers.handle}`);
  }

  /** As a browser does: the page, what it links, its configuration; no deployment of the front may answer after its successor has. */
  private async openPage(): Promise<void> {
    const page = await get(`${this.origin}/`, { accept: 'text/html' });
    const assets = [...(await page.text()).matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1]!);
    insist(assets.length > 0, 'the page links nothing');
    for (const asset of assets) await (await get(this.origin + asset)).arrayBuffer();
    const { deployment } = (await (await get(`${this.origin}/config.json`)).json()) as { deployment: string };
    const number = Number(/^front-(\d+)$/.exec(deployment)?.[1]);
    insist(number >= this.frontSeen, `${deployment} answers after front-${this.frontSeen}`);
    this.frontSeen = number;
  }

  private async verifyWritten(author: Somebody): Promise<void> {
    const kept = await author.api.all<Post>(`/api/posts?author=${author.handle}`);
    this.compare(
      `the posts of ${author.handle}`,
      kept.map(({ text }) => text).toReversed(),
      this.written.get(author)!.map(({ text }) => text),
    );
  }

  private async verifyFeed(reader: Somebody): Promise<void> {
    const expected = [...this.written.values()].flat().map(({ id }) => id);
    await this.eventually(`the feed of ${reader.handle}`, async () => {
      const ids = (await reader.api.all<Post>('/api/feed')).map(({ id }) => id);
      return difference(ids.toSorted(), expected.toSorted()) ?? (isDescending(ids) ? null : 'it is not in order');
    });
  }

  /** What friends wrote: all of it, once each, and of each friend in the order of writing. */
  private async verifyStream(reader: Somebody): Promise<void> {
    const feed = this.feeds.get(reader)!;
    const what = `the stream of ${reader.handle}`;
    for (const friend of this.friendsOf(reader)) {
      const expected = this.written.get(friend)!.map(({ id }) => id);
      const own = new Set(expected);
      await this.eventually(`${what}, of ${friend.handle}`, async () =>
        difference(
          feed.arrived.filter((id) => own.has(id)),
          expected,
        ),
      );
    }
    await feed.stop();
    this.faults.push(...feed.faults.map((fault) => `${what}: ${fault}`));
  }

  /** A mention that could not be resolved at once is resolved later. */
  private async verifyMentions(): Promise<void> {
    const late = [...this.written.values()]
      .flat()
      .filter((post) => this.mentioned.has(post.id) && post.mentions.length === 0);
    this.done['mention'] = this.mentioned.size - late.length;
    this.done['mention resolved later'] = late.length;
    const reader = this.circle[0]!;
    for (const { id } of late)
      await this.eventually(`the mention in ${id}`, async () => {
        const { mentions } = await reader.api.call<Post>('GET', `/api/posts/${id}`);
        return mentions.length > 0 ? null : 'it is not resolved';
      });
    for (const post of [...this.written.values()].flat()) {
      const expected = this.mentioned.get(post.id)?.id;
      if (post.mentions.length > 0 && post.mentions.map((person) => person.id).join() !== expected)
        this.faults.push(`${post.text} mentions ${JSON.stringify(post.mentions)}`);
    }
  }

  private async verifyComments(): Promise<void> {
    const reader = this.circle[0]!;
    for (const [id, texts] of this.comments) {
      const kept = await reader.api.all<Comment>(`/api/posts/${id}/comments`);
      this.compare(`the comments on ${id}`, kept.map(({ text }) => text).toSorted(), texts.toSorted());
    }
  }

  private async verifyLikes(person: Somebody): Promise<void> {
    for (const [id, isLiked] of this.liked.get(person)!) {
      const { liked } = await person.api.call<Post>('GET', `/api/posts/${id}`);
      if (liked !== isLiked) this.faults.push(`${person.handle} finds ${id} ${liked ? 'liked' : 'not liked'}`);
    }
  }

  private friendsOf(person: Somebody): Somebody[] {
    return this.circle.filter((other) => other !== person);
  }

  /** One of the newest posts of friends, another each time. */
  private recentOf(person: Somebody): Post | undefined {
    const recent = this.friendsOf(person).flatMap((friend) => this.written.get(friend)!.slice(-RECENT));
    return recent[((this.done['like'] ?? 0) + (this.done['comment'] ?? 0)) % recent.length];
  }

  private compare(what: string, found: readonly string[], expected: readonly string[]): void {
    const fault = difference(found, expected);
    if (fault !== null) this.faults.push(`${what}: ${fault}`);
  }

  /** `check` answers what is not so yet. */
  private async eventually(what: string, check: () => Promise<string | null>): Promise<void> {
    let last: string | null = null;
    await eventually(what, async () => (last = await check()) === null, DEADLINE_MS).catch((error: unknown) =>
      this.faults.push(`${what}: ${last ?? String(error)}`),
    );
  }
}

/** A session by cookies. */
class Browser {
  private readonly origin: string;
  private readonly person: Somebody;
  private cookie = '';

  constructor(origin: string, person: Somebody) {
    this.origin = origin;
    this.person = person;
  }

  async signIn(): Promise<void> {
    const { handle, password } = this.person;
    await this.take(await this.send('POST', '/api/session', { login: handle, password }));
  }

  /** A refresh that was done twice would end the session. */
  async refresh(): Promise<void> {
    await this.take(await this.send('POST', '/api/session/refresh'));
    const { user } = (await (await this.send('GET', '/api/session')).json()) as { user: User };
    insist(user.id === this.person.id, `the session of ${this.person.handle} is that of ${user.handle}`);
  }

  private async take(answer: Response): Promise<void> {
    const { user } = (await answer.json()) as { user: User };
    insist(user.id === this.person.id, `${this.person.handle} is signed in as ${user.handle}`);
    const given = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
    insist(given.length === 2, `two cookies are expected, not ${given.length}`);
    this.cookie = given.join('; ');
  }

  private send(method: string, path: string, body?: object): Promise<Response> {
    return get(
      this.origin + path,
      {
        'sec-fetch-site': 'same-origin',
        ...(this.cookie === '' ? {} : { cookie: this.cookie }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      method,
      body,
    );
  }
}

/** An answer with status 200; anything else is thrown. */
async function get(
  url: string,
  headers: Record<string, string> = {},
  method = 'GET',
  body?: object,
): Promise<Response> {
  const answer = await fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(DEADLINE_MS),
  });
  if (answer.status === 200) return answer;
  throw new Error(`${method} ${new URL(url).pathname} answered ${answer.status}: ${await answer.text()}`);
}

function insist(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

function isDescending(ids: readonly string[]): boolean {
  return ids.every((id, index) => index === 0 || id < ids[index - 1]!);
}

/** What is missing, too much or out of order; null when nothing is. */
function difference(found: readonly string[], expected: readonly string[]): string | null {
  const wanted = new Set(expected);
  const seen = new Set<string>();
  const twice = found.filter((each) => seen.size === seen.add(each).size);
  const missing = expected.filter((each) => !seen.has(each));
  const foreign = found.filter((each) => !wanted.has(each));
  const told = [
    ...(missing.length > 0 ? [`${missing.length} missing (${missing.slice(0, 3).join(', ')})`] : []),
    ...(twice.length > 0 ? [`${twice.length} twice (${twice.slice(0, 3).join(', ')})`] : []),
    ...(foreign.length > 0 ? [`${foreign.length} that nobody wrote (${foreign.slice(0, 3).join(', ')})`] : []),
  ];
  if (told.length > 0) return `${told.join('; ')}, of ${expected.length}`;
  return found.every((each, index) => each === expected[index]) ? null : 'not in order';
}
