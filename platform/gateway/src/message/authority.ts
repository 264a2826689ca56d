/** Host and absolute-form authorities (RFC 9110 section 7.2), read strictly. */

const AUTHORITY = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

const KNOWN_MAX = 1_000;
const known = new Set<string>();

/** A name or address with an optional port, nothing else: no user, no path, no list. */
export function isAuthority(written: string): boolean {
  if (known.has(written)) return true;
  if (!AUTHORITY.test(written)) return false;
  const port = /:([0-9]+)$/.exec(written.replace(/^\[[^\]]*\]/, ''));
  if (port !== null && Number(port[1]) > 65_535) return false;
  if (known.size < KNOWN_MAX) known.add(written);
  return true;
}

/** Splits `http://host/path?query`, or the same of `https`; null when it is not of that form and scheme. */
export function splitAbsolute(target: string, scheme: 'http' | 'https'): { authority: string; rest: string } | null {
  const parts = /^(https?):\/\/([^/?#\\]*)(\/.*|\?.*)?$/i.exec(target);
  if (parts === null || parts[1]!.toLowerCase() !== scheme) return null;
  const rest = parts[3] ?? '/';
  return { authority: parts[2]!, rest: rest.startsWith('/') ? rest : `/${rest}` };
}

/** Equal but for letter case and a default port. */
export const isSameAuthority = (one: string, other: string, scheme: 'http' | 'https'): boolean =>
  settled(one, scheme) === settled(other, scheme);

const settled = (authority: string, scheme: 'http' | 'https'): string =>
  authority.toLowerCase().replace(scheme === 'http' ? /:80$/ : /:443$/, '');
