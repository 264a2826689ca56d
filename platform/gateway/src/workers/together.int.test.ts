/** What counts for all workers of a gateway together: limits, failed sign-ins, and services that fail. */
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import type { GatewayProcess } from '../testing/gateway-process.ts';
import { agentOf, TWO, untilServing } from '../testing/several-workers.ts';
import { ask, startHandoverYard } from '../testing/test-handover.ts';

test('a limit of a route counts for all workers together', { timeout: 60_000 }, async (t) => {
  const limit = { requests: 20, windowSeconds: 3_600 };
  const { first } = await startHandoverYard(t, (_asked, response) => response.end('got'), TWO, { limit });
  await untilServing(first, 2);
  const agent = agentOf(t);
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask(agent, first.port, '/')));
  assert.equal(answers.filter((said) => said === '200 got').length, 20);
  assert.equal(answers.filter((said) => said.startsWith('429 ')).length, 80);
});

test('failed sign-ins count for all workers together', { timeout: 60_000 }, async (t) => {
  const { first } = await startHandoverYard(t, (_asked, response) => response.writeHead(401).end('{}'), {
    ...TWO,
    SESSIONS_SERVICE: 'echo',
  });
  await untilServing(first, 2);
  const statuses = await Promise.all(Array.from({ length: 30 }, () => signIn(first)));
  assert.equal(statuses.filter((status) => status === 401).length, 10);
  assert.equal(statuses.filter((status) => status === 429).length, 20);
});

test(
  'a deployment that one worker finds failing is left alone by the other one too',
  { timeout: 60_000 },
  async (t) => {
    let asked = 0;
    const settings = { workers: 2, breaker: { minRequests: 20, pauseMs: 60_000 } };
    const { first } = await startHandoverYard(
      t,
      (_asked, response) => {
        asked += 1;
        response.writeHead(503).end();
      },
      { GATEWAY_SETTINGS: JSON.stringify(settings) },
    );
    await untilServing(first, 2);
    // One connection, and so one worker.
    const one = new Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => one.destroy());
    for (let nth = 0; nth < 20; nth += 1) await ask(one, first.port, '/', `${nth}`);
    const open = await untilBreakers(first, ['open', 'open']);
    assert.equal(open.state, 'open');
    const before = asked;
    const agent = agentOf(t);
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(agent, first.port, '/')));
    assert.deepEqual(
      answers.filter((said) => !said.includes('GATEWAY_BREAKER_OPEN')),
      [],
    );
    assert.equal(asked, before);
  },
);

/** Over a connection of its own. */
function signIn({ port }: GatewayProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const options = { port, host: '127.0.0.1', method: 'POST', path: '/api/session', agent: false, headers };
    const asked = request(options, (answer) => {
      answer.resume();
      answer.on('end', () => resolve(answer.statusCode!));
    });
    asked.on('error', reject);
    asked.end(JSON.stringify({ login: 'ada', password: 'wrong horse battery' }));
  });
}

interface BreakerSeen {
  readonly state: string;
  readonly workers: readonly { readonly state: string }[];
}

async function untilBreakers(gateway: GatewayProcess, wanted: readonly string[]): Promise<BreakerSeen> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/breakers`, { headers: { connection: 'close' } });
    const [seen] = ((await answer.json()) as { breakers: BreakerSeen[] }).breakers;
    if (seen!.workers.every(({ state }, nth) => state === wanted[nth])) return seen!;
    if (performance.now() > deadlineMs) throw new Error(JSON.stringify(seen));
    await pause(20);
  }
}
