/** The one form in which a path is routed and forwarded; what has no single safe form is refused. */

export interface RequestTarget {
  /** Begins with `/`; no `//`, no dot segments; what need not be percent-encoded is not, the rest in upper-case hex. */
  readonly path: string;
  /** With its `?`; '' when there is none. As it was sent. */
  readonly query: string;
  /**
   * `path` as some servers read it, when it has encoded slashes and backslashes (taken for separators) or parameters of
   * segments (`/a;v=1/b`, cut off). The route must be the same for both readings.
   */
  readonly otherReading: string | null;
}

const PLAIN = 1;
const SLASH = 2;
const DOT = 3;
/** Kinds of bytes in a path: 0 needs the long way. */
const KIND = new Uint8Array(256);
for (const character of "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+,=:@")
  KIND[character.charCodeAt(0)] = PLAIN;
KIND[0x2f] = SLASH;
KIND[0x2e] = DOT;

/**
 * Reads an origin-form target (RFC 9112 section 3.2.1).
 *
 * @returns the target, or in words why it is refused
 */
export function readTarget(raw: string): RequestTarget | string {
  if (raw.charCodeAt(0) !== 0x2f) return 'the target does not begin with /';
  const mark = raw.indexOf('?');
  const query = mark === -1 ? '' : raw.slice(mark);
  if (query !== '' && !/^[\x21\x22\x24-\x7e]*$/.test(query)) return 'the query has characters that must be encoded';
  const path = mark === -1 ? raw : raw.slice(0, mark);
  if (isNormal(path)) return { path, query, otherReading: null };
  return normalised(path, query);
}

/** Only plain characters, and no segment that is empty (but the last) or begins with a dot. */
function isNormal(path: string): boolean {
  let before = PLAIN;
  for (let index = 0; index < path.length; index += 1) {
    const kind = KIND[path.charCodeAt(index)] ?? 0;
    if (kind === 0 || (before === SLASH && kind !== PLAIN)) return false;
    before = kind;
  }
  return true;
}

const UNRESERVED = /[A-Za-z0-9._~-]/;

function normalised(path: string, query: string): RequestTarget | string {
  if (!/^[\x21\x22\x24-\x5b\x5d-\x7e]*$/.test(path)) return 'the path has characters that must be encoded';
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) return 'the path has a broken percent-encoding';
  if (/%(?:[01][0-9A-Fa-f]|7[Ff])/.test(path)) return 'the path has an encoded control character';
  const decoded = path
    .replace(/%([0-9A-Fa-f]{2})/g, (written: string, hex: string) => {
      const character = String.fromCharCode(Number.parseInt(hex, 16));
      return UNRESERVED.test(character) ? character : written.toUpperCase();
    })
    .replace(/["<>^`{|}]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  const settled = withoutDots(decoded);
  if (settled === null) return 'the path leads above the root';
  if (hasHiddenDots(settled)) return 'the path has dot segments with parameters';
  const hasParameters = /;|%3B/.test(settled);
  if (!/%(?:2F|5C)/.test(settled))
    return { path: settled, query, otherReading: hasParameters ? withoutDots(withoutParameters(settled)) : null };
  // Which of the two a server does first would decide what it reads.
  if (hasParameters) return 'the path has parameters beside encoded slashes';
  const separated = settled.replace(/%(?:2F|5C)/g, '/');
  const otherReading = withoutDots(separated);
  if (otherReading === null || hasDots(separated) || hasHiddenDots(separated))
    return 'the path has dot segments behind encoded slashes';
  return { path: settled, query, otherReading };
}

const hasDots = (path: string): boolean => /\/\.{1,2}(?:\/|$)/.test(path);
/** `/..;a=b/`: servers that cut parameters off a segment would find dots. */
const hasHiddenDots = (path: string): boolean => /\/\.{1,2}(?:;|%3B)/.test(path);
const withoutParameters = (path: string): string => path.replace(/(?:;|%3B)[^/]*/g, '');

/** RFC 3986 section 5.2.4, with empty segments merged; null when it leads above the root. */
function withoutDots(path: string): string | null {
  const kept: string[] = [];
  const segments = path.split('/');
  const last = segments.length - 1;
  for (let index = 1; index <= last; index += 1) {
    const segment = segments[index]!;
    if (segment === '..') {
      if (kept.pop() === undefined) return null;
    } else if (segment !== '.' && segment !== '') kept.push(segment);
    if (index === last && (segment === '' || segment === '.' || segment === '..') && kept.length > 0) kept.push('');
  }
  return `/${kept.join('/')}`;
}
