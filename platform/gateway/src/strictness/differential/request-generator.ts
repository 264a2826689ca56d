/** Requests from valid to hostile, as bytes of one connection: by a grammar first, then by damage done to what it gave. */
import { Dice } from './dice.ts';
import { damaged } from './damage.ts';
import { hostileRequest } from './hostile-request.ts';

/**
 * `plain`: valid, and nothing that a gateway may refuse. `odd`: valid, but rare. `hostile`: written to be read in two ways.
 * `damaged`: any of them with random damage.
 */
export type Kind = 'plain' | 'odd' | 'hostile' | 'damaged';

export interface FuzzCase {
  readonly seed: number;
  readonly nth: number;
  readonly kind: Kind;
  /** All that is sent on the connection, a character a byte. */
  readonly bytes: string;
  /** Requests that were meant. */
  readonly count: number;
  /** Where a sender in pieces cuts the bytes; one is always within the first head. */
  readonly cuts: readonly number[];
}

/** One request as it is meant: lines without their ends, and the body with its framing already in the lines. */
export interface MeantRequest {
  readonly lines: string[];
  readonly body: string;
}

export function fuzzCase(seed: number, nth: number): FuzzCase {
  const dice = new Dice(seed, nth);
  const kind = dice.of<Kind>(['plain', 'odd', 'hostile', 'hostile', 'damaged', 'damaged', 'damaged']);
  const count = dice.of([1, 1, 1, 2, 2, 3, 4]);
  const hostileAt = dice.upTo(count);
  const written: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const id = `s${seed}-${nth}-${index}`;
    const isLast = index === count - 1;
    if (index === hostileAt && (kind === 'hostile' || (kind === 'damaged' && dice.is(0.3))))
      written.push(hostileRequest(dice, id));
    else written.push(bytesOf(meantRequest(dice, id, kind === 'odd' || (kind === 'damaged' && dice.is(0.4)), isLast)));
  }
  const whole = written.join('');
  const bytes = kind === 'damaged' ? damaged(dice, whole) : whole;
  return { seed, nth, kind, bytes, count, cuts: cutsOf(dice, bytes) };
}

export const bytesOf = ({ lines, body }: MeantRequest): string => `${lines.join('\r\n')}\r\n\r\n${body}`;

const METHODS = ['GET', 'GET', 'GET', 'GET', 'POST', 'POST', 'PUT', 'HEAD', 'DELETE', 'PATCH', 'OPTIONS'];
const SEGMENTS = [
  'a',
  'users',
  'x.y',
  'A-b_c',
  '~z',
  '12',
  'a+b',
  'q=1',
  'a,b',
  "it's",
  '(1)',
  '@me',
  'a:b',
  '$',
  '!',
  '*',
];
const ODD_SEGMENTS = [
  '%41',
  '%7e',
  '%c3%a9',
  '%2F',
  '%5c',
  '%20',
  '%25',
  ';v=1',
  'a;b',
  '..',
  '.',
  '',
  '%2e',
  '%2E%2e',
  '|',
  '^',
  '"',
  '...',
  '%3f',
  '%23',
];
const QUERIES = [
  '?',
  '?a=b',
  '?a=b&c=d',
  '?q=%20x',
  '?//',
  '?/../x',
  '?a=%2e%2e',
  '?x=1?y=2',
  "?'",
  '?[a]=b',
  '?{}|',
  '?"<>',
];
const HEADERS = [
  'Accept: */*',
  'accept-language: de, en;q=0.5',
  'User-Agent: fuzz/1.0 (x; y)',
  'X-Empty:',
  'X-Long: ' + 'l'.repeat(300),
  'Cookie: a=1; b="2"',
  'Authorization: Basic eDp5',
  'Referer: http://a/x?y#z',
  'If-None-Match: "x", W/"y"',
  'Range: bytes=0-5',
  'X-Quote: "a\\"b"',
  'Cache-Control: no-cache',
  'Content-Type: text/plain',
  'Accept-Encoding: gzip, br',
];
const ODD_HEADERS = [
  'X-Switchyard-Identity: forged',
  'x_switchyard_identity: forged',
  'X.Switchyard.Identity: forged',
  'X-Forwarded-For: 6.6.6.6',
  'X_Forwarded_For: 6.6.6.6',
  'Forwarded: for=6.6.6.6',
  'X-Real-Ip: 6.6.6.6',
  'Connection: x-a, x-switchyard-identity',
  'Connection: keep-alive, x-forwarded-for, host, content-length, transfer-encoding',
  'X-A: named',
  'Keep-Alive: timeout=5',
  'Proxy-Connection: keep-alive',
  'TE: trailers',
  'TE: trailers, deflate',
  'Trailer: x-sum',
  'Cookie: switchyard_bucket=1; c=3',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  'tracestate: a=b',
  'X-Tab:\ta\tb\t',
  'X-Bytes: \xe4\xf6\xfc\xff',
  'X-Spaces:      a   b     ',
  "x!#$%&'*+.^_`|~: odd name",
  'Via: 1.1 x',
  'Content-Encoding: gzip',
  'Origin: http://b',
  'Max-Forwards: 0',
  'Host_: x',
];

function meantRequest(dice: Dice, id: string, isOdd: boolean, isLast: boolean): MeantRequest {
  const method = dice.of(METHODS);
  const isOld = isOdd && dice.is(0.05);
  const host = dice.of(['a', 'a', 'a.example', 'A.b:8080', '127.0.0.1', '[::1]:80']);
  const target = (isOdd && dice.is(0.08) ? `http://${host}` : '') + targetOf(dice, id, isOdd);
  const lines = [`${method} ${target} HTTP/1.${isOld ? 0 : 1}`];
  const headers = [`${isOdd ? anyCase(dice, 'Host') : 'Host'}: ${host}`, `X-Request-Id: ${id}`];
  const pool = isOdd ? [...HEADERS, ...ODD_HEADERS] : HEADERS;
  const used = new Set<string>();
  for (let left = dice.upTo(isOdd ? 9 : 6); left > 0; left -= 1) {
    const line = dice.of(pool);
    const name = line.slice(0, line.indexOf(':')).toLowerCase();
    if (used.has(name)) continue;
    used.add(name);
    headers.push(line);
  }
  let body = '';
  if (!/^(?:GET|HEAD|OPTIONS)$/.test(method) || (isOdd && dice.is(0.2))) {
    const text = bodyText(dice);
    if (!isOld && dice.is(0.4)) {
      headers.push(
        isOdd ? `${anyCase(dice, 'Transfer-Encoding')}: ${anyCase(dice, 'chunked')}` : 'Transfer-Encoding: chunked',
      );
      body = chunked(dice, text, isOdd);
    } else {
      headers.push(`Content-Length: ${text.length}`);
      body = text;
    }
    if (isOdd && text !== '' && dice.is(0.15)) headers.push('Expect: 100-continue');
  }
  if (isLast && dice.is(0.3)) headers.push(`Connection: ${dice.of(['close', 'close', 'Close'])}`);
  if (isOdd) shuffle(dice, headers);
  return { lines: [...lines, ...headers], body };
}

export function targetOf(dice: Dice, id: string, isOdd: boolean): string {
  let target = '/' + id.replace(/-\d+$/, '');
  for (let left = dice.upTo(4); left > 0; left -= 1)
    target += `/${dice.of(isOdd ? [...SEGMENTS, ...ODD_SEGMENTS] : SEGMENTS)}`;
  return dice.is(0.4) ? target + dice.of(isOdd ? QUERIES : QUERIES.slice(0, 6)) : target;
}

export function bodyText(dice: Dice): string {
  const size = dice.of([0, 1, 5, 5, 16, 200, 2_000, 20_000]);
  const text = dice.of([
    'x',
    'hello ',
    '\0\r\n\xff',
    'GET /in-body HTTP/1.1\r\nHost: a\r\n\r\n',
    '0\r\n\r\n',
    '{"a":[1]}',
  ]);
  return text.repeat(Math.ceil(size / text.length)).slice(0, size);
}

export function chunked(dice: Dice, text: string, isOdd: boolean): string {
  let written = '';
  for (let at = 0; at < text.length;) {
    const piece = text.slice(at, at + dice.between(1, Math.max(1, text.length)));
    const size = piece.length.toString(16);
    const extension = isOdd && dice.is(0.2) ? dice.of([';a', ';a=b', ';a="b c"', ';a;b=c']) : '';
    written += `${isOdd && dice.is(0.2) ? `00${size.toUpperCase()}` : size}${extension}\r\n${piece}\r\n`;
    at += piece.length;
  }
  const trailers =
    isOdd && dice.is(0.3) ? dice.of(['X-Sum: 1\r\n', 'x_switchyard_identity: forged\r\n', 'X-A: 1\r\nX-B: 2\r\n']) : '';
  return `${written}0\r\n${trailers}\r\n`;
}

const anyCase = (dice: Dice, name: string): string =>
  dice.of([
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replace(/./g, (one) => (dice.is(0.5) ? one.toUpperCase() : one.toLowerCase())),
  ]);

function shuffle(dice: Dice, lines: string[]): void {
  for (let index = lines.length - 1; index > 0; index -= 1) {
    const other = dice.upTo(index + 1);
    [lines[index], lines[other]] = [lines[other]!, lines[index]!];
  }
}

function cutsOf(dice: Dice, bytes: string): number[] {
  const headEnd = bytes.indexOf('\r\n\r\n');
  const cuts = new Set([1 + dice.upTo(Math.max(1, headEnd === -1 ? bytes.length - 1 : headEnd + 3))]);
  for (let left = dice.upTo(4); left > 0; left -= 1) cuts.add(1 + dice.upTo(Math.max(1, bytes.length - 1)));
  return [...cuts].filter((cut) => cut < bytes.length).sort((one, other) => one - other);
}
