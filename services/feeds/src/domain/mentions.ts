/** Finds the handles that a text mentions. */

/** Later mentions of a text stay plain text. */
export const MENTIONS_MAX = 20;

// An @ inside a word is an address (`bob@example.com`), and a name that runs on is not a handle.
const MENTION = /(?<![\p{L}\p{N}_@])@([a-z0-9_]{3,30})(?![\p{L}\p{N}_])/giu;

/** Distinct handles in the order of their first mention, in lower case, at most `MENTIONS_MAX`. */
export function mentionedHandles(text: string): string[] {
  if (!text.includes('@')) return [];
  const handles = new Set<string>();
  for (const match of text.matchAll(MENTION)) {
    handles.add(match[1]!.toLowerCase());
    if (handles.size === MENTIONS_MAX) break;
  }
  return [...handles];
}
