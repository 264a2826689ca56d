/** Requests that follow one another on a connection: answered in their order, each once, until one says that it is the last. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startTestYard } from '../testing/test-yard.ts';
import { valuesOf } from './answer-stream.ts';
import { arrivalsOf, arrive, PLAIN_PATH } from './arrival.ts';
import { startRecordingUpstream } from './recording-upstream.ts';

async function start(context: TestContext) {
  const upstream = await startRecordingUpstream(
    context,
    ({ target }) => `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`,
  );
  const at = [{ id: 'a', port: upstream.port }];
  const yard = await startTestYard(context, { echo: { routes: ['/'], deployments: { 'echo-1': at } } });
  const targets = (): string[] => upstream.requests.map(({ target }) => target).filter((one) => one !== PLAIN_PATH);
  const clear = (): void => void (upstream.requests.length = 0);
  return { ...yard, upstream, port: yard.gateway.port, targets, clear };
}

const get = (target: string, line = ''): string => `GET ${target} HTTP/1.1\r\nHost: a\r\n${line}\r\n`;

test('pipelined requests are answered in their order, bodies and heads between them', async (t) => {
  const { port, targets, clear, upstream } = await start(t);
  const bytes = [
    get('/1'),
    'POST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
    get('/3'),
    'POST /4 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
    get('/5?x=y'),
    get('/6', 'Connection: close\r\n'),
  ].join('');
  for (const arrival of arrivalsOf(bytes)) {
    clear();
    const { answers, rest, all } = await arrive(port, bytes, arrival);
    const bodies = answers.map(({ body }) => body);
    const expected = ['/1', '/2', '/3', '/4', '/5?x=y', '/6'];
    assert.deepEqual(bodies, arrival.before === 'pipelined' ? [PLAIN_PATH, ...expected] : expected, arrival.name);
    assert.equal(rest, '', all);
    assert.deepEqual(targets().sort(), expected);
  }
  assert.deepEqual(upstream.faults, []);
});

test('a hundred pipelined requests get a hundred answers in their order', async (t) => {
  const { port, targets } = await start(t);
  const wanted = Array.from({ length: 100 }, (_, nth) => `/${nth}`);
  const bytes = wanted.map((target) => get(target)).join('') + get('/last', 'Connection: close\r\n');
  const { answers } = await arrive(port, bytes, { name: 'whole', before: 'answered', cuts: [700, 1_400, 2_101] });
  assert.deepEqual(
    answers.map(({ body }) => body),
    [...wanted, '/last'],
  );
  assert.equal(targets().length, 101);
});

test('what follows a request that says it is the last is never served', async (t) => {
  const { port, targets, clear } = await start(t);
  for (const line of [
    'Connection: close\r\n',
    'Connection: Close\r\n',
    'Connection: x, CLOSE\r\n',
    'connection:close\r\n',
  ]) {
    const bytes = get('/1', line) + get('/2');
    for (const arrival of arrivalsOf(bytes)) {
      clear();
      const { answers, wasClosed, all } = await arrive(port, bytes, arrival);
      assert.ok(wasClosed, all);
      // Who goes on talking may lose the answer.
      assert.ok(targets().every((target) => target === '/1') && targets().length <= 1, `${line}, ${arrival.name}`);
      for (const answer of answers)
        if (answer.body !== PLAIN_PATH) assert.deepEqual(valuesOf(answer, 'connection'), ['close'], all);
    }
  }
});

test('HTTP/1.0 is served, with or without a Host, and its connection closed unless it asks to keep it', async (t) => {
  const { port, targets, clear } = await start(t);
  for (const lines of ['', 'Host: a\r\n', 'Connection: close\r\n']) {
    for (const behind of ['', get('/2')]) {
      const bytes = `GET /old HTTP/1.0\r\n${lines}\r\n${behind}`;
      for (const arrival of arrivalsOf(bytes)) {
        clear();
        const { answers, wasClosed, all } = await arrive(port, bytes, arrival);
        assert.ok(wasClosed, all);
        if (behind === '') assert.equal(answers.at(-1)?.body, '/old', all);
        assert.ok(!targets().includes('/2'), arrival.name);
      }
    }
  }
  const kept = 'GET /old HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n';
  const bytes = kept + get('/2', 'Connection: close\r\n');
  for (const arrival of arrivalsOf(bytes)) {
    const { answers, all } = await arrive(port, bytes, arrival);
    // To close it all the same is allowed.
    assert.ok(['/old', '/2'].includes(answers.at(-1)!.body), all);
  }
});

test('a connection that was refused once is never served again', async (t) => {
  const { port, targets, clear } = await start(t);
  const bytes = `GET /1 HTTP/1.1\r\n\r\n${get('/2')}${get('/3')}`;
  for (const arrival of arrivalsOf(bytes)) {
    clear();
    const { answers, wasClosed, all } = await arrive(port, bytes, arrival);
    assert.ok(wasClosed, all);
    if (arrival.before !== 'pipelined') assert.equal(answers.length, 1, all);
    assert.deepEqual(targets(), [], arrival.name);
  }
});

test('a client that leaves in the middle of a head leaves nothing behind', async (t) => {
  const { port, targets, adminUrl } = await start(t);
  for (const part of ['G', 'GET /1 HTTP/1.1\r\nHost: a\r\n', 'GET /1 HTTP/1.1\r\nHost: a\r\n\r'])
    for (const before of ['nothing', 'answered'] as const)
      await arrive(port, part, { name: part, before, cuts: [], leaves: true });
  const { answers } = await arrive(port, get('/last', 'Connection: close\r\n'), {
    name: 'last',
    before: 'nothing',
    cuts: [],
  });
  assert.equal(answers[0]!.body, '/last');
  assert.deepEqual(targets(), ['/last']);
  const { deployments } = (await (await fetch(`${adminUrl}/in-flight`)).json()) as { deployments: unknown };
  assert.deepEqual(deployments, { 'echo-1': 0 });
});
