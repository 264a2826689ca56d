/** Loads a script through the public API; what is there already is left as it is, so that a load may be repeated or continued. */
import { ApiClient, ApiError } from './api-client.ts';
import { personNumbered } from './cast.ts';
import { Progress } from './progress.ts';
import type { Output } from './progress.ts';
import type { Script } from './script.ts';

export interface LoadOptions {
  readonly origin: string;
  readonly output: Output;
  /** Calls under way at once; default 12. */
  readonly concurrency?: number;
  readonly signal?: AbortSignal;
}

export interface Loaded {
  readonly created: { readonly people: number; readonly friendships: number; readonly posts: number };
  /** Signed in, by number. */
  readonly clients: ReadonlyMap<number, ApiClient>;
}

export async function load(script: Script, options: LoadOptions): Promise<Loaded> {
  const clients = new Map<number, ApiClient>();
  const created = { people: 0, friendships: 0, posts: 0 };
  const phase = async <T>(label: string, items: readonly T[], note: () => string, work: (item: T) => Promise<void>) => {
    const progress = new Progress(label, items.length, options.output);
    await inParallel(items, options.concurrency ?? 12, options.signal, async (item) => {
      await patiently(() => work(item), options.signal);
      progress.step();
    });
    progress.end(note());
  };

  await phase(
    'people',
    script.people,
    () => `${created.people} signed up, ${script.people.length - created.people} were there`,
    async (number) => {
      const account = personNumbered(number);
      const client = new ApiClient(options.origin);
      if (await unless('USERS_HANDLE_TAKEN', () => client.signUp(account))) created.people += 1;
      await client.signIn(account.handle, account.password);
      clients.set(number, client);
    },
  );

  const known = await friendshipsOf(clients, options);
  await phase(
    'friendships',
    script.friendships,
    () => `${created.friendships} made, ${script.friendships.length - created.friendships} were there`,
    async ([a, b]) => {
      if (known.has(`${a}:${b}`)) return;
      // Either call may find an earlier load's work: a request that is there, or a friendship.
      await unless(['USERS_ALREADY_REQUESTED', 'USERS_ALREADY_FRIENDS'], () =>
        clients.get(a)!.call('POST', '/api/friends/requests', { handle: personNumbered(b).handle }),
      );
      if (
        await unless('USERS_ALREADY_FRIENDS', () =>
          clients.get(b)!.call('POST', '/api/friends/requests', { handle: personNumbered(a).handle }),
        )
      )
        created.friendships += 1;
    },
  );

  const byAuthor = new Map<number, string[]>();
  for (const post of script.posts) byAuthor.set(post.author, [...(byAuthor.get(post.author) ?? []), post.text]);
  const written = new Map<number, Set<string>>();
  await phase(
    'looking',
    [...byAuthor.keys()],
    () => 'for posts that are there',
    async (author) => {
      const posts = await clients
        .get(author)!
        .all<{ text: string }>(`/api/posts?author=${personNumbered(author).handle}`);
      written.set(author, new Set(posts.map((post) => post.text)));
    },
  );
  await phase(
    'posts',
    script.posts,
    () => `${created.posts} written, ${script.posts.length - created.posts} were there`,
    async (post) => {
      const texts = written.get(post.author)!;
      const text = post.text.normalize('NFC');
      if (texts.has(text)) return;
      await clients.get(post.author)!.call('POST', '/api/posts', { text });
      texts.add(text);
      created.posts += 1;
    },
  );
  return { created, clients };
}

/** Pairs that are friends already, as `a:b`; asked only where somebody has friends at all. */
async function friendshipsOf(clients: ReadonlyMap<number, ApiClient>, options: LoadOptions): Promise<Set<string>> {
  const numberOf = new Map([...clients.keys()].map((number) => [personNumbered(number).handle, number]));
  const pairs = new Set<string>();
  await inParallel([...clients], options.concurrency ?? 12, options.signal, async ([number, client]) => {
    for (const friend of await client.all<{ handle: string }>('/api/friends')) {
      const other = numberOf.get(friend.handle);
      if (other !== undefined) pairs.add(number < other ? `${number}:${other}` : `${other}:${number}`);
    }
  });
  return pairs;
}

/** True when it was done, false when it was refused by one of `codes` because it is done already. */
async function unless(codes: string | readonly string[], call: () => Promise<unknown>): Promise<boolean> {
  try {
    await call();
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.problem.code !== undefined && [codes].flat().includes(error.problem.code))
      return false;
    throw error;
  }
}

const ATTEMPTS = 6;

/** Tries again what a later attempt may mend: 429, 502 to 504, a lost connection. The load is safe to repeat, so each step is. */
async function patiently(work: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      const mayPass =
        error instanceof ApiError ? [429, 502, 503, 504].includes(error.status) : error instanceof TypeError;
      if (!mayPass || attempt === ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** attempt));
    }
  }
}

/** Runs `work` on every item, `width` at a time, in order of their start; the first failure ends it. */
export async function inParallel<T>(
  items: readonly T[],
  width: number,
  signal: AbortSignal | undefined,
  work: (item: T) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (next < items.length && !failed) {
      signal?.throwIfAborted();
      const item = items[next++]!;
      try {
        await work(item);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
}
