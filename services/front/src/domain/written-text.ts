/** What people write: how long it is, whether it may be sent, and which parts of it are mentions and links. */

/** Longest post or comment, in code points after NFC; the contract's TEXT_MAX, which a test compares. */
export const TEXT_MAX = 500;

/** Length in code points after NFC, as the service counts it: an emoji of one code point is one. */
export function codePoints(text: string): number {
  let count = 0;
  for (const _ of text.normalize('NFC')) count += 1;
  return count;
}

/** Line breaks as the service keeps them; what it would refuse, other control characters and halves of characters, is taken out or replaced. */
export function sendable(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

export const mayBeSent = (text: string): boolean => text.trim().length > 0 && codePoints(sendable(text)) <= TEXT_MAX;

export type TextPart =
  | { readonly kind: 'plain'; readonly text: string }
  | { readonly kind: 'mention'; readonly text: string; readonly handle: string }
  | { readonly kind: 'link'; readonly text: string; readonly url: string };

const SPECIAL = /(?<![\p{L}\p{N}_@/])@([a-z0-9_]{3,30})(?![a-z0-9_])|https?:\/\/[^\s<>"'`]+/giu;
/** Punctuation that ends the sentence rather than the address. */
const TRAILING = /[.,;:!?'")\]}。、！？）」]+$/u;

/** The text in parts, in order and without loss. Only handles in `mentioned` (people that the service resolved) become mentions; only http and https become links. */
export function partsOf(text: string, mentioned: ReadonlySet<string>): TextPart[] {
  const parts: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(SPECIAL)) {
    const part = special(match[0], match[1], mentioned);
    if (part === null) continue;
    if (match.index > from) parts.push({ kind: 'plain', text: text.slice(from, match.index) });
    parts.push(part);
    from = match.index + part.text.length;
  }
  if (from < text.length) parts.push({ kind: 'plain', text: text.slice(from) });
  return parts;
}

function special(found: string, handle: string | undefined, mentioned: ReadonlySet<string>): TextPart | null {
  if (handle !== undefined) {
    const known = handle.toLowerCase();
    return mentioned.has(known) ? { kind: 'mention', text: found, handle: known } : null;
  }
  const address = found.replace(TRAILING, '');
  return URL.canParse(address) ? { kind: 'link', text: address, url: address } : null;
}

/** The language that a text's script gives away, for line breaks, fonts and voices; undefined where it gives nothing away. */
export function scriptOf(text: string): 'ko' | 'ja' | undefined {
  if (/\p{Script=Hangul}/u.test(text)) return 'ko';
  return /[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text) ? 'ja' : undefined;
}

/** One letter that stands for a person in place of a picture: graphemes, so that an emoji or Hangul stays whole. */
export function initialOf(name: string): string {
  const first = new Intl.Segmenter('und', { granularity: 'grapheme' }).segment(name.trim())[Symbol.iterator]().next();
  return first.done === true ? '?' : first.value.segment.toLocaleUpperCase('und');
}

/** A power of two. */
export const TONES = 8;

/** A number below TONES that stays the same for the same id. */
export function toneOf(id: string): number {
  let hash = 0x811c9dc5; // FNV-1a, 32 bits
  for (const character of id) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return ((hash >>> 13) ^ hash) & (TONES - 1);
}
