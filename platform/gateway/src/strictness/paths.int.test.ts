/** Each path is read in one way, by the gateway as by every service: no spelling of it reaches a service that it does not name. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startTestYard } from '../testing/test-yard.ts';
import { arrivalsOf, arrive, PLAIN_PATH } from './arrival.ts';
import { startRecordingUpstream } from './recording-upstream.ts';

/** An open service at `/` and `/open`, one whose routes need an identity, and one that no route leads to. */
async function start(context: TestContext) {
  const [open, closed, internal] = [
    await startRecordingUpstream(context),
    await startRecordingUpstream(context),
    await startRecordingUpstream(context),
  ];
  const at = (id: string, port: number) => ({ [`${id}-1`]: [{ id, port }] });
  const yard = await startTestYard(context, {
    open: { routes: ['/', '/closed/open', '/open'], deployments: at('open', open.port) },
    closed: {
      routes: [
        { path: '/closed', auth: 'required' },
        { path: '/open/closed', auth: 'required' },
        { path: '/a/b/closed', auth: 'required' },
      ],
      deployments: at('closed', closed.port),
    },
    internal: { routes: [], deployments: at('internal', internal.port) },
  });
  return { ...yard, open, closed, internal, port: yard.gateway.port };
}

const get = (target: string): string => `GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;

/** What a path must not look like to a server of any kind, decoded once or twice, with separators of any system. */
function looksClosed(target: string): boolean {
  let path = target.split('?')[0]!;
  const readings = [path];
  for (let nth = 0; nth < 2; nth += 1) {
    path = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
    if (nth === 0) readings.push(path, path.replaceAll('\\', '/'));
  }
  return readings.some((reading) => {
    const segments: string[] = [];
    for (const segment of reading.replace(/;[^/]*/g, '').split('/'))
      if (segment === '..') segments.pop();
      else if (segment !== '' && segment !== '.') segments.push(segment);
    const settled = `/${segments.join('/')}/`;
    return ['/closed/', '/open/closed/', '/a/b/closed/'].some(
      (closed) => settled.startsWith(closed) && !settled.startsWith('/closed/open/'),
    );
  });
}

const FORMS: readonly [string, string][] = [
  ['/a/b', '/a/b'],
  ['//a//b', '/a/b'],
  ['/a/./b', '/a/b'],
  ['/./a/b', '/a/b'],
  ['/a/x/../b', '/a/b'],
  ['/a/x/%2e%2e/b', '/a/b'],
  ['/a/x/.%2E/b', '/a/b'],
  ['/a/x/%2e./b', '/a/b'],
  ['/%61/b', '/a/b'],
  ['/a/b/', '/a/b/'],
  ['/a/b/.', '/a/b/'],
  ['/a/b/..', '/a/'],
  ['/%7euser/%c3%a9', '/~user/%C3%A9'],
  ['/a%2fb', '/a%2Fb'],
  ['/a%5cb', '/a%5Cb'],
  ['/a%252e%252e/b', '/a%252e%252e/b'],
  ['/a;v=1/b', '/a;v=1/b'],
  ['/.well-known/x', '/.well-known/x'],
  ['/...', '/...'],
  ['/a?b=../c&d=%2e%2e', '/a?b=../c&d=%2e%2e'],
  ['/a?b=/closed', '/a?b=/closed'],
  ['/a??b', '/a??b'],
  ['http://a/x?y', '/x?y'],
  ['http://a?y', '/?y'],
  ['http://A:80/x', '/x'],
  ['HTTP://a/x', '/x'],
];

test('a path is routed and forwarded in one form', async (t) => {
  const { port, open } = await start(t);
  for (const [sent, forwarded] of FORMS)
    await t.test(`${sent} as ${forwarded}`, async () => {
      for (const arrival of arrivalsOf(get(sent))) {
        open.requests.length = 0;
        const { answers, all } = await arrive(port, get(sent), arrival);
        assert.equal(answers.at(-1)?.status, 200, `${arrival.name}: ${all}`);
        const targets = open.requests.map(({ target }) => target).filter((target) => target !== PLAIN_PATH);
        assert.deepEqual(targets, [forwarded], arrival.name);
      }
    });
  assert.deepEqual(open.faults, []);
});

/** Spellings by which somebody would get past the door of `/closed`. */
const TRICKS = [
  '/closed',
  '/closed/',
  '/closed?x',
  '/closed/x',
  '//closed',
  '///closed//x',
  '/./closed',
  '/x/../closed',
  '/x/..//closed',
  '/%2e/closed',
  '/x/%2e%2e/closed',
  '/x/.%2e/closed',
  '/x/%2E%2e/closed',
  '/x/%252e%252e/closed',
  '/%63losed',
  '/%43losed',
  '/%63%6c%6f%73%65%64',
  '/closed%2f',
  '/closed%2fx',
  '/closed%2Fx',
  '/closed%5cx',
  '/closed%252fx',
  '/%2fclosed',
  '/%2Fclosed/x',
  '/%5cclosed',
  '/x%2f..%2fclosed',
  '/x%2f%2e%2e%2fclosed',
  '/x/..%2fclosed',
  '/x/..%5cclosed',
  '/x%5c..%5cclosed',
  '/x\\..\\closed',
  '\\closed',
  '/..;/closed',
  '/x/..;/closed',
  '/x/..;v=1/closed',
  '/x/..%3b/closed',
  '/x/%2e%2e;/closed',
  '/;/closed',
  '/.;/closed',
  '/;v=1/closed',
  '/closed;v=1',
  '/closed;/x',
  '/closed%3bv=1',
  '/closed%00',
  '/closed%0a',
  '/closed%0d%0aX: y',
  '/closed%20',
  '/closed.',
  '/x/%c0%ae%c0%ae/closed',
  '/x/%c0%ae%c0%ae%c0%afclosed',
  '/%c0%afclosed',
  '/x/%e0%80%ae%e0%80%ae/closed',
  '/x/%uff0e%uff0e/closed',
  '/x/..%c1%9cclosed',
  '/x/%ef%bc%8e%ef%bc%8e/closed',
  '/%ef%bc%8fclosed',
  '/closed#x',
  '/x#/../closed',
  '/x?/../closed',
  '/x%3f/../closed',
  '/x%23/../closed',
  '/open/closed',
  '/open/./closed',
  '/open//closed',
  '/open/%63losed',
  '/open%2fclosed',
  '/open/%2fclosed',
  '/open/x/../closed',
  '/open/x%2f../closed',
  '/open/..%2fopen/closed',
  '/open;/closed',
  '/open/;/closed',
  '/a/b/closed',
  '/a%2fb/closed',
  '/a/b%2fclosed',
  '/a%2fb%2fclosed',
  '/a//b//closed',
  '/a/./b/x/../closed',
  '/closed/open/..',
  '/closed/open/../x',
  '/closed/open/%2e%2e/x',
  '/closed/open/..%2fx',
  '/closed/open%2f..%2fx',
  '/closed/open/..;/x',
  '/closed/open%2f',
  'http://a/closed',
  'http://a//closed',
  'http://a/x/../closed',
  'http://a/%63losed',
  'http://a/closed%2fx',
  'http://a\\closed',
  'http://a%2fclosed',
  'http://a?/../closed',
  'http://a#/closed',
  'http://closed/',
  '/http://a/../closed',
  '*',
  'closed',
  './closed',
  'x/../closed',
];

test('no spelling reaches what needs an identity', async (t) => {
  const { port, open, closed, internal } = await start(t);
  for (const trick of TRICKS)
    await t.test(trick, async () => {
      for (const arrival of arrivalsOf(get(trick))) {
        open.requests.length = 0;
        const { answers, fault, all } = await arrive(port, get(trick), arrival);
        const where = `${arrival.name}: ${JSON.stringify(all)}`;
        assert.equal(fault, null, where);
        for (const { status } of answers) assert.ok([200, 400, 401].includes(status), where);
        if (arrival.before !== 'pipelined') assert.equal(answers.length, 1, where);
        for (const { target } of open.requests)
          assert.ok(target === PLAIN_PATH || !looksClosed(target), `the open service got ${target}, ${where}`);
        assert.deepEqual([...closed.connections, ...internal.connections], [], where);
      }
    });
  assert.deepEqual(open.faults, []);
});

test('a Host chooses no service, and none that only contains another is taken for it (http-proxy-middleware CVE-2026-55602)', async (t) => {
  const { port, open, closed, internal } = await start(t);
  for (const host of ['closed', 'internal', 'closed.a', 'a.closed', '127.0.0.1:8001', 'localhost', '169.254.169.254'])
    for (const [target, status] of [
      ['/x', 200],
      ['/closed', 401],
      [`http://${host}/closed`, 401],
      [`http://${host}.evil/x`, 400],
      [`http://evil.${host}/x`, 400],
      [`http://${host}@evil/x`, 400],
      [`http://evil/x?${host}`, 400],
    ] as const) {
      const bytes = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      for (const arrival of arrivalsOf(bytes)) {
        const { answers, all } = await arrive(port, bytes, arrival);
        if (arrival.before !== 'pipelined')
          assert.equal(answers[0]?.status, status, `${target} of ${host}, ${arrival.name}: ${all}`);
      }
    }
  assert.deepEqual([...closed.connections, ...internal.connections], []);
  assert.deepEqual(open.faults, []);
});
