/** The one PostgreSQL notification channel of Feeds, and what is said on it. */

export const CHANNEL = 'feeds';
/** There is work in one of the queues. */
export const WORK = 'work';
/** A notification's payload ends below 8,000 bytes. */
const AUTHORS_MAX = 200;

/** New posts of these authors stand in timelines. Too many authors to name are everybody: `posts:`. */
export const newPostsBy = (authorIds: readonly string[]): string => {
  const distinct = [...new Set(authorIds)];
  return `posts:${distinct.length > AUTHORS_MAX ? '' : distinct.join(',')}`;
};

export type Notice = { readonly about: 'work' } | { readonly about: 'posts'; readonly authorIds: 'all' | string[] };

/** What a payload says. An empty one comes after a lost connection: everything may have happened. */
export function readNotice(payload: string): Notice[] {
  if (payload === WORK) return [{ about: 'work' }];
  const authors = payload.startsWith('posts:') ? payload.slice('posts:'.length) : '';
  const posts: Notice = { about: 'posts', authorIds: authors === '' ? 'all' : authors.split(',') };
  return payload === '' ? [{ about: 'work' }, posts] : [posts];
}
