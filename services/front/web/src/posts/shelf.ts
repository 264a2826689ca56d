/** Every post that the page knows, once: whoever shows a post shows the same one, so that a like or an edit is seen everywhere at once. */
import { useSyncExternalStore } from 'react';
import type { Post } from '../api/calls.ts';

const posts = new Map<string, Post>();
const gone = new Set<string>();
const listeners = new Set<() => void>();
let version = 0;

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

/** Deleted, or not to be seen any more. */
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
export const usePost = (id: string): Post | undefined => useSyncExternalStore(subscribe, () => posts.get(id));

/** Those of the ids that are not gone. */
export function useStanding(ids: readonly string[]): readonly string[] {
  useSyncExternalStore(subscribe, () => version);
  return ids.filter((id) => !gone.has(id));
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
function tell(): void {
  version += 1;
  for (const listener of listeners) listener();
}
