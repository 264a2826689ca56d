/** Makes the requests of the workload for random people of a loaded script, and judges each answer by what graph and posts say. */
import type { Post } from '@switchyard/contracts/feeds';
import { personNumbered } from '@switchyard/demo/cast';
import type { Script } from '@switchyard/demo/script';
import type { LoadRequest } from './http-load.ts';

/** One answer in so many is parsed and judged whole; the others by their status and length. */
const JUDGED_EVERY = 8;

export class Mix {
  private readonly people: readonly number[];
  private readonly friends = new Map<number, number[]>();
  private readonly heads = new Map<number, string>();
  private readonly numberOf = new Map<string, number>();
  private readonly writtenBy = new Set<number>();
  private made = 0;
  /** xorshift32: the same requests in each run. */
  private state = 0x2545f491;

  /** `tokens`: access tokens by number of person. */
  constructor(script: Script, tokens: ReadonlyMap<number, string>) {
    this.people = script.people;
    for (const number of script.people) {
      this.friends.set(number, [number]);
      this.numberOf.set(personNumbered(number).handle, number);
      this.heads.set(number, `host: localhost\r\nauthorization: Bearer ${tokens.get(number)!}\r\n`);
    }
    for (const [a, b] of script.friendships) {
      this.friends.get(a)!.push(b);
      this.friends.get(b)!.push(a);
    }
    for (const post of script.posts) this.writtenBy.add(post.author);
  }

  next(): LoadRequest {
    const person = this.people[this.random(this.people.length)]!;
    const draw = this.random(100);
    if (draw < 60) return this.feed(person);
    return draw < 90 ? this.author(person) : this.write(person);
  }

  private feed(person: number): LoadRequest {
    const circle = this.friends.get(person)!;
    return this.list(
      'home feed',
      person,
      '/api/feed',
      (number) => circle.includes(number),
      circle.some((number) => this.writtenBy.has(number)),
    );
  }

  private author(person: number): LoadRequest {
    const circle = this.friends.get(person)!;
    const author = circle[this.random(circle.length)]!;
    return this.list(
      "author's posts",
      person,
      `/api/posts?author=${personNumbered(author).handle}`,
      (number) => number === author,
      this.writtenBy.has(author),
    );
  }

  private list(
    kind: string,
    person: number,
    path: string,
    mayShow: (author: number) => boolean,
    mustShow: boolean,
  ): LoadRequest {
    const isJudged = this.made++ % JUDGED_EVERY === 0;
    return {
      kind,
      bytes: Buffer.from(`GET ${path} HTTP/1.1\r\n${this.heads.get(person)!}\r\n`),
      check: (status, body) => {
        if (status !== 200) return `status ${status}`;
        if (!isJudged) return null;
        const { items } = JSON.parse(body.toString()) as { items: Post[] };
        if (mustShow && items.length === 0) return 'an empty page';
        if (!items.every((post) => mayShow(this.numberOf.get(post.author.handle) ?? -1)))
          return 'a post that this reader may not see';
        return items.every((post, index) => index === 0 || items[index - 1]!.id > post.id) ? null : 'not newest first';
      },
    };
  }

  private write(person: number): LoadRequest {
    const text = `measured ${(this.made++).toString(36)}`;
    const body = JSON.stringify({ text });
    return {
      kind: 'post',
      bytes: Buffer.from(
        `POST /api/posts HTTP/1.1\r\n${this.heads.get(person)!}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      ),
      check: (status, answer) => (status !== 201 ? `status ${status}` : answer.includes(text) ? null : 'another text'),
    };
  }

  private random(below: number): number {
    this.state ^= this.state << 13;
    this.state ^= this.state >>> 17;
    this.state ^= this.state << 5;
    return (this.state >>> 0) % below;
  }
}
