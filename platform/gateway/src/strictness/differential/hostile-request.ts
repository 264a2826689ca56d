/** Requests written to be read in two ways: by what is known of smuggling, spoofing and parsers' leniency. */
import type { Dice } from './dice.ts';
import { bodyText, chunked, targetOf } from './request-generator.ts';

/** Ends of lines, of which one is right. */
const ENDS = ['\n', '\r', '\r\r\n', '\n\r', '\r\n ', '\r\n\t', '\0\r\n', '\x0b\r\n', '\x0c\r\n', '\x85\r\n'];
const CODINGS = [
  'chunked',
  ',chunked',
  'chunked,',
  'chunked, identity',
  'identity',
  'identity, chunked',
  'gzip, chunked',
  'chunked, chunked',
  'xchunked',
  'chunkedx',
  'chun ked',
  '"chunked"',
  "'chunked'",
  'chunked;q=1',
  '\x0bchunked',
  '\x00chunked',
  'chunked\x00',
  '\xa0chunked',
  '',
  ' ',
  '\tchunked',
  'chunked ',
  'CHUNKED',
  'chunke\u0064',
];
const CODING_NAMES = [
  'Transfer-Encoding',
  'Transfer-Encoding ',
  'Transfer-Encoding\t',
  ' Transfer-Encoding',
  '\tTransfer-Encoding',
  'Transfer_Encoding',
  'Transfer.Encoding',
  'Transfer Encoding',
  'TRANSFER-ENCODING',
  'Transfer-Encoding\0',
  'X:\nTransfer-Encoding',
  'X: a\rTransfer-Encoding',
  'Transfer-\r\n Encoding',
  'Transfer-Encod\xefng',
];
const SIZES = ['+', '-', '0x', ' ', '\t', '0', '_', '"', '\x0b'];
const SIZE_ENDS = [
  '\n',
  '\r',
  ' \r\n',
  '\t\r\n',
  ';\n',
  ';a\n',
  ';a\rb\r\n',
  ' ;a\r\n',
  ';"\r\n',
  '\0\r\n',
  'g\r\n',
  ',\r\n',
];
const LENGTHS = (length: number): string[] => [
  `+${length}`,
  `-${length}`,
  `0${length}`,
  `0x${length.toString(16)}`,
  `${length}, ${length}`,
  `${length},`,
  `,${length}`,
  `${length} ${length}`,
  `${length}.0`,
  `${length}e0`,
  `"${length}"`,
  `${length};`,
  `${length}\0`,
  `\x0b${length}`,
  `${length}\x0b`,
  '',
  `${length + 1}`,
  `${Math.max(0, length - 1)}`,
  `1844674407370955161${6 + length}`,
  '99999999999999999999999',
  `\xa0${length}`,
];
const HOSTS = [
  '',
  ' ',
  'a,b',
  'a b',
  'user@a',
  'a/b',
  'a?b',
  'a#b',
  'a\\b',
  'a:',
  'a:x',
  'a:99999',
  '[::1',
  'a%00',
  'a\0',
  '\xe4',
  '..',
  'a:80:80',
  '-a',
  'a..b',
  '*',
];
const TARGETS = [
  '*',
  '',
  'x',
  '\\x',
  '//evil/x',
  'http://evil/x',
  'http://a@evil/',
  'ftp://a/',
  '/#x',
  '/x#?y',
  '/a b',
  '/a\tb',
  '/a\0b',
  '/\x7f',
  '/\xe4',
  '/%',
  '/%0',
  '/%zz',
  '/%00',
  '/../x',
  '/%2e%2e/x',
  '/x/..;/y',
  '/x\\..\\y',
  '/x/..%2fy',
  '/x/..%5cy',
  '/%c0%ae%c0%ae/',
  'http:///x',
  'http://a',
  'http://a?x',
  '/?\0',
  '/?#',
  '?x',
  '/;/x',
  '/x;%2f..',
];
const VERSIONS = [
  'HTTP/1.1 ',
  'HTTP/1.2',
  'HTTP/2.0',
  'HTTP/0.9',
  'HTTP/1.10',
  'HTTP/1.',
  'HTTP/11',
  'http/1.1',
  'HTTP /1.1',
  'HTTP/1.1\t',
  'HTTP/01.1',
  'HTTPS/1.1',
  'ICE/1.0',
  'HTTP/1.1\0',
  '',
];
const VERBS = [
  'get',
  'GETS',
  'GET\t',
  ' GET',
  'G\0ET',
  'TRACE',
  'CONNECT',
  'TRACK',
  'PRI',
  'SEARCH',
  'M-SEARCH',
  'PROPFIND',
  'QUERY',
  'BREW',
  'SOURCE',
  'POST\xa0',
  '',
];
const NAMES = [
  'X-Switchyard-Identity',
  'x_switchyard_identity',
  'X.Switchyard-Identity',
  'x-forwarded-for',
  'X_Real_IP',
  'Remote_User',
  'Host',
  'Content_Length',
  'content.length',
];

export function hostileRequest(dice: Dice, id: string): string {
  const target = targetOf(dice, id, false);
  const text = bodyText(dice).slice(0, 300);
  const lines = [`POST ${target} HTTP/1.1`, 'Host: a', `X-Request-Id: ${id}`];
  const smuggled = `GET ${target}/smuggled HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}9\r\n\r\n`;
  const written = (more: readonly string[], body: string): string =>
    `${[...lines, ...more].join('\r\n')}\r\n\r\n${body}`;
  const attack = dice.of<() => string>([
    () =>
      written(
        [`Content-Length: ${dice.of([0, 5, text.length])}`, `${dice.of(CODING_NAMES)}: ${dice.of(CODINGS)}`],
        `0\r\n\r\n${smuggled}`,
      ),
    () =>
      written(
        [`${dice.of(CODING_NAMES)}: ${dice.of(CODINGS)}`, `Content-Length: ${dice.of([4, 5, 6])}`],
        chunked(dice, text, true),
      ),
    () => written([`${dice.of(CODING_NAMES)}: ${dice.of(CODINGS)}`], chunked(dice, text, true) + smuggled),
    () =>
      written(
        ['Transfer-Encoding: chunked', `${dice.of(CODING_NAMES)}: ${dice.of(CODINGS)}`],
        chunked(dice, smuggled, false),
      ),
    () => written([`Content-Length: ${dice.of(LENGTHS(text.length))}`], text + smuggled),
    () =>
      written(
        [
          `Content-Length: ${text.length}`,
          `${dice.of(['Content-Length', 'content-length', 'Content_Length', ' Content-Length', 'Content-Length '])}: ${dice.of(LENGTHS(text.length))}`,
        ],
        text + smuggled,
      ),
    () =>
      written(
        ['Transfer-Encoding: chunked'],
        `${dice.of(SIZES)}${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n${smuggled}`,
      ),
    () =>
      written(
        ['Transfer-Encoding: chunked'],
        `${text.length.toString(16)}${dice.of(SIZE_ENDS)}${text}\r\n0\r\n\r\n${smuggled}`,
      ),
    () => written(['Transfer-Encoding: chunked'], `5\r\nhello${dice.of(ENDS)}0\r\n\r\n${smuggled}`),
    () => written(['Transfer-Encoding: chunked'], `5\r\nhello\r\n0${dice.of([...ENDS, ...SIZE_ENDS])}\r\n${smuggled}`),
    () =>
      written(
        ['Transfer-Encoding: chunked'],
        `5\r\nhello\r\n0\r\n${dice.of(['Content-Length: 40', 'Transfer-Encoding: x', 'Host: b', 'x y: z', 'x', 'x : y', ' x: y', 'x: \0', 'x:\n y: z', 'x_switchyard_identity: forged'])}\r\n\r\n${smuggled}`,
      ),
    () =>
      written(
        ['Transfer-Encoding: chunked'],
        `${dice.of(['fffffffffffffffff', '10000000000000000', 'ffffffffffffffff', '7fffffffffffffff', '80000000', '100000000'])}\r\n${smuggled}`,
      ),
    () => [`GET ${target} HTTP/1.1`, `Host: ${dice.of(HOSTS)}`, `X-Request-Id: ${id}`, '', smuggled].join('\r\n'),
    () =>
      [
        `GET ${target} HTTP/1.1`,
        'Host: a',
        `${dice.of(['Host', 'HOST', 'Host ', ' Host', 'Ho\0st', 'Host_'])}: ${dice.of(['a', 'b', ''])}`,
        `X-Request-Id: ${id}`,
        '',
        smuggled,
      ].join('\r\n'),
    () => [`GET ${dice.of(TARGETS)} HTTP/1.1`, 'Host: a', `X-Request-Id: ${id}`, '', smuggled].join('\r\n'),
    () => [`GET ${target} ${dice.of(VERSIONS)}`, 'Host: a', `X-Request-Id: ${id}`, '', smuggled].join('\r\n'),
    () => [`${dice.of(VERBS)} ${target} HTTP/1.1`, 'Host: a', `X-Request-Id: ${id}`, '', smuggled].join('\r\n'),
    () =>
      [
        `GET${dice.of([' ', '  ', '\t', '\0', '\x0b', '\xa0'])}${target}${dice.of([' ', '  ', '\t', '\r', '\n', '\x0b'])}HTTP/1.1`,
        'Host: a',
        `X-Request-Id: ${id}`,
        '',
        smuggled,
      ].join('\r\n'),
    () =>
      `GET ${target} HTTP/1.1${dice.of(ENDS)}Host: a${dice.of(['\r\n', ...ENDS])}X-Request-Id: ${id}\r\n\r\n${smuggled}`,
    () =>
      `GET ${target} HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}${dice.of(['\n\n', '\r\n\n', '\n\r\n', '\r\r', '\r\n\r', '\r\n\0\r\n', '\r\n \r\n', '\r\n\r\r\n'])}${smuggled}`,
    () =>
      [
        `GET ${target} HTTP/1.1`,
        'Host: a',
        `X-Request-Id: ${id}`,
        `${dice.of(['', ' ', '\t', '\0', 'X: a\n', 'X: a\r', 'X: a\0\n', 'X: a\r\n ', 'X\r\n'])}${dice.of(NAMES)}${dice.of([':', ' :', '\t:', '\0:', '::', ': ', ':\r\n '])}${dice.of(['forged', '5', '6.6.6.6'])}`,
        '',
        smuggled,
      ].join('\r\n'),
    () =>
      [
        `GET ${target} HTTP/1.1`,
        'Host: a',
        `X-Request-Id: ${id}`,
        `X: ${'x'.repeat(dice.of([8_000, 15_000, 16_200, 16_300, 16_384, 17_000, 40_000]))}`,
        '',
        smuggled,
      ].join('\r\n'),
    () =>
      [
        `GET ${target} HTTP/1.1`,
        'Host: a',
        `X-Request-Id: ${id}`,
        ...Array.from({ length: dice.of([90, 97, 98, 99, 120]) }, (_, nth) => `a${nth}: b`),
        '',
        smuggled,
      ].join('\r\n'),
    () =>
      `GET ${target}?${'q'.repeat(dice.of([8_000, 16_000, 16_384, 17_000]))} HTTP/1.1\r\nHost: a\r\nX-Request-Id: ${id}\r\n\r\n${smuggled}`,
    () =>
      [
        `POST ${target} HTTP/1.0`,
        'Host: a',
        `X-Request-Id: ${id}`,
        dice.of(['Connection: keep-alive', 'X: y']),
        dice.of(['Transfer-Encoding: chunked', `Content-Length: ${text.length}`, 'X: z']),
        '',
        text + smuggled,
      ].join('\r\n'),
    () =>
      [
        `${dice.of(['GET', 'HEAD', 'DELETE', 'OPTIONS'])} ${target} HTTP/1.1`,
        'Host: a',
        `X-Request-Id: ${id}`,
        `Content-Length: ${smuggled.length}`,
        '',
        smuggled,
      ].join('\r\n'),
    () =>
      [
        `POST ${target} HTTP/1.1`,
        'Host: a',
        `X-Request-Id: ${id}`,
        `Connection: ${dice.of(['close', 'content-length', 'transfer-encoding', 'host', 'close, content-length', ',,,', '\0', 'x y'])}`,
        dice.of([`Content-Length: ${text.length}`, 'Content-Length: 0']),
        `Expect: ${dice.of(['100-continue', '100-Continue', '200-ok', '', '100-continue, x'])}`,
        '',
        text + smuggled,
      ].join('\r\n'),
  ]);
  return attack();
}
