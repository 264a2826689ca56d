/** The access log where only a share of requests gets a line: which ones, and what can be told of all from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startYardWith } from '../testing/test-yard.ts';

interface Line {
  readonly path: string;
  readonly status: number;
  readonly sample?: number;
}

async function start(t: TestContext, sample: number) {
  const yard = await startYardWith(
    t,
    (request, response) => {
      if (request.url === '/breaks') return void request.socket.destroy();
      response.statusCode = request.url === '/fails' ? 500 : 200;
      return void response.end();
    },
    { GATEWAY_SETTINGS: JSON.stringify({ accessLog: { sample } }) },
  );
  /** Lines of these requests, once the one that comes last and is never left out has got its own. */
  const lines = async (): Promise<Line[]> => {
    await fetch(`${yard.url}/-/last`);
    const deadline = AbortSignal.timeout(5_000);
    while (!yard.lines.join('').includes('/-/last')) {
      deadline.throwIfAborted();
      await new Promise(setImmediate);
    }
    const all = yard.lines.join('').trim().split('\n');
    return all.map((line) => JSON.parse(line) as Line).filter(({ path }) => path !== '/-/last');
  };
  return { yard, lines };
}

/** The same trace gets a line at every gateway and service that keeps the same share, or at none. */
const traced = (id: string): { headers: Record<string, string> } => ({
  headers: { traceparent: `00-${id}-b7ad6b7169203331-01` },
});

test('the id of its trace decides whether a request gets a line, and the line says how many it stands for', async (t) => {
  const { yard, lines } = await start(t, 0.25);
  const ids = {
    '/out': '1'.repeat(31) + '1',
    '/edge-out': `${'1'.repeat(19)}bffffffffffff`,
    '/edge-in': `${'1'.repeat(19)}c000000000000`,
    '/in': 'f'.repeat(32),
  };
  for (const [path, id] of Object.entries(ids)) await fetch(yard.url + path, traced(id));
  assert.deepEqual(
    (await lines()).map(({ path, sample }) => [path, sample]),
    [
      ['/edge-in', 4],
      ['/in', 4],
    ],
  );
});

test('what failed, was refused or repeated always gets a line, which stands for itself', async (t) => {
  const { yard, lines } = await start(t, 0);
  for (const path of ['/well', '/fails', '/breaks', '/-/nothing']) await fetch(yard.url + path);
  assert.deepEqual(
    (await lines()).map(({ path, status, sample }) => [path, status, sample]),
    [
      ['/fails', 500, undefined],
      ['/breaks', 502, undefined],
      ['/-/nothing', 404, undefined],
    ],
  );
});

test('the weights of many lines come to about as many as there were requests', async (t) => {
  const { yard, lines } = await start(t, 0.5);
  for (let round = 0; round < 20; round += 1) await Promise.all(Array.from({ length: 20 }, () => fetch(yard.url)));
  const estimate = (await lines()).reduce((sum, { sample }) => sum + (sample ?? 1), 0);
  // Six standard deviations of 400 throws of a coin, each counted twice.
  assert.ok(estimate > 280 && estimate < 520, String(estimate));
});

test('without a share every request gets a line, and none a weight', async (t) => {
  const { yard, lines } = await start(t, 1);
  await fetch(`${yard.url}/one`);
  const [line] = await lines();
  assert.equal(line!.path, '/one');
  assert.equal(line!.sample, undefined);
});
