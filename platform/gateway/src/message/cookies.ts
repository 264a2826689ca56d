/** The cookies that are the gateway's own: found in a Cookie header, kept from services, and not theirs to set. */

/** Which share of the clients a browser belongs to while a canary runs: 0 to 99, and so of no use to tell people apart. */
export const BUCKET_COOKIE = 'switchyard_bucket';
/** The operator's token, by which a browser gets what is being tried. */
export const PREVIEW_COOKIE = 'switchyard_preview';

/** The value of one of our cookies in a Cookie header; '' when it is not there. Of several, the first. */
export function cookieOf(header: string, name: string): string {
  for (let from = header.indexOf(name); from !== -1; from = header.indexOf(name, from + 1)) {
    const end = from + name.length;
    if (header.charCodeAt(end) !== 0x3d || !beginsPair(header, from)) continue;
    const stop = header.indexOf(';', end);
    return header.slice(end + 1, stop === -1 ? undefined : stop).trim();
  }
  return '';
}

/** The Cookie header without our cookies, in whatever spelling; '' when none is left. */
export function withoutOurCookies(header: string): string {
  if (!/switchyard/i.test(header)) return header;
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !isOurs(pair))
    .join('; ');
}

/** Whether a service tries to set a cookie that is ours to set. */
export const setsOurCookie = (setCookie: string): boolean => /switchyard/i.test(setCookie) && isOurs(setCookie);

/** PHP and its like fold `.`, spaces and percent-encoding in names, and prefixes of names are case-insensitive in browsers. */
function isOurs(pair: string): boolean {
  const equals = pair.indexOf('=');
  const name = (equals === -1 ? pair : pair.slice(0, equals)).trim();
  const folded = name.toLowerCase().replace(/%[0-9a-f]{2}|[^a-z0-9]/g, '-');
  return folded.startsWith('--host-switchyard-') || folded.startsWith('switchyard-');
}

function beginsPair(header: string, from: number): boolean {
  for (let index = from - 1; index >= 0; index -= 1) {
    const code = header.charCodeAt(index);
    if (code === 0x3b) return true;
    if (code !== 0x20 && code !== 0x09) return false;
  }
  return true;
}
