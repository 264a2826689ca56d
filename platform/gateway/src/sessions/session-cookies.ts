/** The two cookies of a browser's session: written, found in a Cookie header, and kept from services. */

/** `__Host-`: Secure, Path=/ and no Domain, or the browser refuses them (RFC 6265bis section 4.1.3.2). */
export const ACCESS_COOKIE = '__Host-switchyard-access';
export const REFRESH_COOKIE = '__Host-switchyard-refresh';
const OURS = '__Host-switchyard-';

const ATTRIBUTES = 'Path=/; HttpOnly; Secure; SameSite=Lax';

export interface SessionTokens {
  readonly accessToken: string;
  readonly accessSeconds: number;
  readonly refreshToken: string;
  readonly refreshSeconds: number;
}

/** Values of two Set-Cookie headers. */
export const sessionCookies = (tokens: SessionTokens): readonly string[] => [
  `${ACCESS_COOKIE}=${tokens.accessToken}; Max-Age=${tokens.accessSeconds}; ${ATTRIBUTES}`,
  `${REFRESH_COOKIE}=${tokens.refreshToken}; Max-Age=${tokens.refreshSeconds}; ${ATTRIBUTES}`,
];

export const CLEARED_COOKIES: readonly string[] = [
  `${ACCESS_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`,
  `${REFRESH_COOKIE}=; Max-Age=0; ${ATTRIBUTES}`,
];

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

/** The Cookie header without our cookies; '' when none is left. */
export function withoutOurCookies(header: string): string {
  if (!header.includes(OURS)) return header;
  return header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '' && !pair.startsWith(OURS))
    .join('; ');
}

/** Whether a service tries to set a cookie that is ours to set. */
export const setsOurCookie = (setCookie: string): boolean => setCookie.trimStart().startsWith(OURS);

function beginsPair(header: string, from: number): boolean {
  for (let index = from - 1; index >= 0; index -= 1) {
    const code = header.charCodeAt(index);
    if (code === 0x3b) return true;
    if (code !== 0x20 && code !== 0x09) return false;
  }
  return true;
}
