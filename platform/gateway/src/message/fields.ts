/** Header lines, read strictly (RFC 9112 section 5): nothing but a token, a colon, and a value without control characters. */

/** No folded lines, no bare CR or LF, no NUL, nothing between a name and its colon. */
const FIELDS = /^(?:[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*\r\n)*$/;

/** Names and values in turn of the lines of `text` from `from` on, each ending with CRLF; null when one is malformed. */
export function fieldsOf(text: string, from: number): string[] | null {
  const lines = from === 0 ? text : text.slice(from);
  if (!FIELDS.test(lines)) return null;
  const fields: string[] = [];
  let at = 0;
  while (at < lines.length) {
    const colon = lines.indexOf(':', at);
    const end = lines.indexOf('\r', colon + 1);
    let first = colon + 1;
    let last = end;
    while (first < last && isSpace(lines.charCodeAt(first))) first += 1;
    while (last > first && isSpace(lines.charCodeAt(last - 1))) last -= 1;
    fields.push(lines.slice(at, colon), lines.slice(first, last));
    at = end + 2;
  }
  return fields;
}

const isSpace = (code: number): boolean => code === 0x20 || code === 0x09;
