/** What the gateway does with each request header, decided by its name alone and looked up in one step. */

/** Codes are small integers, so that a set of them is a bit mask. */
export const HEADER = {
  PASS: 0,
  /** Hop-by-hop, or something that only the gateway may say: never passed on. */
  DROP: 1,
  /** Cannot be understood in one way only: the request is refused. */
  REFUSE: 2,
  HOST: 3,
  CONTENT_LENGTH: 4,
  TRANSFER_ENCODING: 5,
  CONNECTION: 6,
  UPGRADE: 7,
  EXPECT: 8,
  TE: 9,
  COOKIE: 10,
  AUTHORIZATION: 11,
  ORIGIN: 12,
  FETCH_SITE: 13,
  TRACEPARENT: 14,
  TRACESTATE: 15,
  REQUEST_ID: 16,
  CONTENT_TYPE: 17,
  PREFLIGHT_METHOD: 18,
  PREFLIGHT_HEADERS: 19,
  PREVIEW: 20,
} as const;

const NAMED: Readonly<Record<string, number>> = {
  host: HEADER.HOST,
  'content-length': HEADER.CONTENT_LENGTH,
  'transfer-encoding': HEADER.TRANSFER_ENCODING,
  connection: HEADER.CONNECTION,
  upgrade: HEADER.UPGRADE,
  expect: HEADER.EXPECT,
  te: HEADER.TE,
  cookie: HEADER.COOKIE,
  authorization: HEADER.AUTHORIZATION,
  origin: HEADER.ORIGIN,
  'sec-fetch-site': HEADER.FETCH_SITE,
  traceparent: HEADER.TRACEPARENT,
  tracestate: HEADER.TRACESTATE,
  'x-request-id': HEADER.REQUEST_ID,
  'content-type': HEADER.CONTENT_TYPE,
  'access-control-request-method': HEADER.PREFLIGHT_METHOD,
  'access-control-request-headers': HEADER.PREFLIGHT_HEADERS,
  'switchyard-preview': HEADER.PREVIEW,
  'keep-alive': HEADER.DROP,
  'proxy-connection': HEADER.DROP,
  'proxy-authorization': HEADER.DROP,
  trailer: HEADER.DROP,
  'http2-settings': HEADER.DROP,
  // CGI turns it into HTTP_PROXY (httpoxy, CVE-2016-5385).
  proxy: HEADER.DROP,
  forwarded: HEADER.DROP,
  via: HEADER.DROP,
  'x-real-ip': HEADER.DROP,
  'x-client-ip': HEADER.DROP,
  'x-cluster-client-ip': HEADER.DROP,
  'true-client-ip': HEADER.DROP,
  'client-ip': HEADER.DROP,
  'x-original-url': HEADER.DROP,
  'x-original-host': HEADER.DROP,
  'x-rewrite-url': HEADER.DROP,
  'remote-user': HEADER.DROP,
  'x-remote-user': HEADER.DROP,
};
const DROPPED_PREFIXES = [
  'x-switchyard-',
  'switchyard-',
  'x-forwarded-',
  'x-auth-request-',
  'ssl-client-',
  'x-ssl-client-',
];
/** An alias of one of these would frame or address the request differently for a server that folds `_` or `.` into `-`. */
const FRAMING = new Set<number>([HEADER.HOST, HEADER.CONTENT_LENGTH, HEADER.TRANSFER_ENCODING]);

const KNOWN_MAX = 2_000;
const known = new Map<string, number>();

/** The code of a header name in whatever spelling: letter case is ignored, and `_` and `.` count as `-` where that makes one of ours. */
export function headerCode(name: string): number {
  const code = known.get(name);
  if (code !== undefined) return code;
  const decided = decide(name.toLowerCase());
  if (known.size < KNOWN_MAX) known.set(name, decided);
  return decided;
}

function decide(name: string): number {
  const own = codeOf(name);
  if (own !== HEADER.PASS) return own;
  const folded = name.replace(/[^a-z0-9]/g, '-');
  if (folded === name) return HEADER.PASS;
  const aliased = codeOf(folded);
  if (FRAMING.has(aliased)) return HEADER.REFUSE;
  // Content-Type and Origin in another spelling are unknown headers like any other; all else that we know is ours to say.
  return aliased === HEADER.PASS || aliased === HEADER.CONTENT_TYPE ? HEADER.PASS : HEADER.DROP;
}

const codeOf = (name: string): number =>
  NAMED[name] ?? (DROPPED_PREFIXES.some((prefix) => name.startsWith(prefix)) ? HEADER.DROP : HEADER.PASS);
