/** The screens, their paths, and which screen a path stands for: one table for the server's fallback and the browser's router. */

export type Screen =
  | { readonly name: 'feed' }
  | { readonly name: 'sign-in' }
  | { readonly name: 'sign-up' }
  | { readonly name: 'posts' }
  | { readonly name: 'post'; readonly id: string }
  | { readonly name: 'friends' }
  | { readonly name: 'requests' }
  | { readonly name: 'find' }
  | { readonly name: 'person'; readonly handle: string }
  | { readonly name: 'me' };

const FIXED: Readonly<Record<string, Screen>> = {
  '/': { name: 'feed' },
  '/sign-in': { name: 'sign-in' },
  '/sign-up': { name: 'sign-up' },
  '/posts': { name: 'posts' },
  '/friends': { name: 'friends' },
  '/friends/requests': { name: 'requests' },
  '/friends/find': { name: 'find' },
  '/me': { name: 'me' },
};
const POST = /^\/posts\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;
const PERSON = /^\/people\/([a-z0-9_]{3,30})$/i;

/** The screen at a path without query (one trailing slash and the case of ids and handles do not matter); null for any other path. */
export function screenAt(path: string): Screen | null {
  const plain = path.length > 2 && path.endsWith('/') ? path.slice(0, -1) : path;
  const fixed = Object.hasOwn(FIXED, plain) ? FIXED[plain] : undefined;
  if (fixed !== undefined) return fixed;
  const postId = POST.exec(plain)?.[1];
  if (postId !== undefined) return { name: 'post', id: postId.toLowerCase() };
  const handle = PERSON.exec(plain)?.[1];
  if (handle !== undefined) return { name: 'person', handle: handle.toLowerCase() };
  return null;
}

export const postPath = (id: string): string => `/posts/${id}`;
export const personPath = (handle: string): string => `/people/${handle}`;

/** A path of ours to go to after signing in: a screen, never the sign-in itself, never another site; else `/`. */
export function returnPath(wanted: string | null): string {
  if (wanted === null) return '/';
  const [path = '', query] = wanted.split('?', 2);
  const screen = screenAt(path);
  if (screen === null || screen.name === 'sign-in' || screen.name === 'sign-up') return '/';
  return query === undefined ? path : `${path}?${query}`;
}
