/** When an answer takes long: asked once more, of somebody else. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, RequestListener } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { startTestYard, startUpstream } from '../testing/test-yard.ts';

/** Two instances, of which the first one that is asked never answers. */
async function startHalfDeaf(context: TestContext, environment: Record<string, string> = {}, hedgeAfterMs = 20) {
  const unanswered: IncomingMessage[] = [];
  const asked = { times: 0 };
  const listener: RequestListener = (request, response) => {
    asked.times += 1;
    if (unanswered.length === 0) unanswered.push(request);
    else response.end('answered');
  };
  const upstreams = [await startUpstream(context, listener), await startUpstream(context, listener)];
  const instances = upstreams.map(({ port }, index) => ({ id: `echo-${index}`, port }));
  const route = { path: '/', timeoutMs: 1_000, ...(hedgeAfterMs === 0 ? {} : { hedgeAfterMs }) };
  const yard = await startTestYard(
    context,
    { echo: { routes: [route], deployments: { 'echo-1': instances } } },
    environment,
  );
  return { yard, unanswered, asked };
}

test('a GET whose answer takes long is asked of another instance too, and the first answer counts', async (t) => {
  const { yard, unanswered, asked } = await startHalfDeaf(t);
  const answered = await fetch(yard.url);
  assert.equal(await answered.text(), 'answered');
  const [slow] = unanswered as [IncomingMessage];
  if (!slow.socket.destroyed) await once(slow.socket, 'close', { signal: AbortSignal.timeout(5_000) });
  assert.equal(asked.times, 2);
  const inFlight = (await (await fetch(`${yard.adminUrl}/in-flight`)).json()) as { deployments: object };
  assert.deepEqual(inFlight.deployments, { 'echo-1': 0 });
});

for (const [what, environment, hedgeAfterMs, init] of [
  ['a POST', {}, 20, { method: 'POST', body: 'x' }],
  ['a route that does not say so', {}, 0, {}],
  ['a budget of nothing', { GATEWAY_SETTINGS: '{"retries":{"budgetRatio":0}}' }, 20, {}],
] as const)
  test(`${what} is not asked twice`, async (t) => {
    const { yard, asked } = await startHalfDeaf(t, environment, hedgeAfterMs);
    assert.equal((await fetch(yard.url, init)).status, 504);
    assert.equal(asked.times, 1);
  });

test('a second attempt that fails leaves the first one its time', async (t) => {
  const release = Promise.withResolvers<void>();
  let asked = 0;
  const listener: RequestListener = (_request, response) => {
    asked += 1;
    if (asked === 1) return void release.promise.then(() => response.end('late'));
    response.writeHead(503).end();
    release.resolve();
  };
  const upstreams = [await startUpstream(t, listener), await startUpstream(t, listener)];
  const instances = upstreams.map(({ port }, index) => ({ id: `echo-${index}`, port }));
  const yard = await startTestYard(t, {
    echo: { routes: [{ path: '/', hedgeAfterMs: 20 }], deployments: { 'echo-1': instances } },
  });
  assert.equal(await (await fetch(yard.url)).text(), 'late');
});
