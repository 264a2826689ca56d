/** Holds the feeds of sampled people against what graph and posts say, computed here from the script alone. */
import type { Post } from '@switchyard/contracts/feeds';
import type { ApiClient } from '@switchyard/demo/api-client';
import { personNumbered } from '@switchyard/demo/cast';
import { inParallel } from '@switchyard/demo/load';
import type { Script } from '@switchyard/demo/script';

const SAMPLED = 50;
const SETTLES_WITHIN_MS = 30_000;

/** @throws Error naming the person whose feed differs once fan-out has had 30 s */
export async function verifyFeeds(script: Script, clients: ReadonlyMap<number, ApiClient>): Promise<void> {
  const stride = Math.max(1, Math.floor(script.people.length / SAMPLED));
  const sampled = script.people.filter((_, index) => index % stride === 0);
  const startedAt = performance.now();
  await inParallel(sampled, 4, undefined, async (person) => {
    const circle = new Set([person, ...script.friendships.filter((pair) => pair.includes(person)).flat()]);
    const expected = script.posts
      .filter((post) => circle.has(post.author))
      .map(({ author, text }) => `${personNumbered(author).handle}: ${text.normalize('NFC')}`);
    for (;;) {
      const feed = await clients.get(person)!.all<Post>('/api/feed');
      const isNewestFirst = feed.every((post, index) => index === 0 || feed[index - 1]!.id > post.id);
      const seen = feed.map((post) => `${post.author.handle}: ${post.text}`);
      if (isNewestFirst && seen.toSorted().join('\n') === expected.toSorted().join('\n')) return;
      if (performance.now() - startedAt > SETTLES_WITHIN_MS)
        throw new Error(
          `the feed of person ${person} has ${seen.length} posts, graph and posts say ${expected.length}`,
        );
    }
  });
  process.stderr.write(`feeds of ${sampled.length} people are what graph and posts say\n`);
}
