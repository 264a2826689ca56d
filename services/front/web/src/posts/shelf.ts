/** Every post that the page knows, once: whoever shows a post shows the same one, so that a like or an edit is seen everywhere at once. */
import type { Post } from '../api/calls.ts';
import { createStore, useStore } from '../state/store.ts';

const posts = new Map<string, Post>();
/** Deleted, or not to be seen any more; whoever lists one leaves it out. */
const gone = new Set<string>();
/** Counts changes of the two above. */
const version = createStore(0);
const tell = () => version.set(version.get() + 1);

/** What was just read replaces what was known. */
export function shelve(read: readonly Post[]): void {
  for (const post of read) {
    posts.set(post.id, post);
    gone.delete(post.id);
  }
  tell();
}

/** From the stream, which may repeat itself: what is known stays, unless this is a later edit of it. */
export function shelveArrived(post: Post): void {
  const known = posts.get(post.id);
  if (known === undefined || (known.editedAt ?? '') < (post.editedAt ?? '')) shelve([post]);
}

export function changePost(id: string, change: (post: Post) => Post): void {
  const post = posts.get(id);
  if (post === undefined) return;
  posts.set(id, change(post));
  tell();
}

export function takeOff(ids: Iterable<string>): void {
  for (const id of ids) {
    posts.delete(id);
    gone.add(id);
  }
  tell();
}

export const postsOfAuthor = (handle: string): string[] =>
  [...posts.values()].filter((post) => post.author.handle === handle).map((post) => post.id);

export function clearShelf(): void {
  posts.clear();
  gone.clear();
  tell();
}

/** The post as it is now; undefined when it is not known, or gone. */
export function usePost(id: string): Post | undefined {
  useStore(version);
  return posts.get(id);
}

/** Those of the ids that are not gone. */
export function useStanding(ids: readonly string[]): readonly string[] {
  useStore(version);
  return ids.filter((id) => !gone.has(id));
}
