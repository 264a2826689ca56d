/** The door goes from one gateway process to the next under load: no request is lost, and none is done twice. */
import assert from 'node:assert/strict';
import { Agent } from 'node:http';
import { test } from 'node:test';
import { takeOver, untilGone } from '../testing/gateway-process.ts';
import { ask, startHandoverYard } from '../testing/test-handover.ts';

const HANDOVERS = 12;
const CLIENTS = 16;

test('twelve handovers under load: no request fails, no POST is done twice', { timeout: 120_000 }, async (t) => {
  const done = new Map<string, number>();
  const yard = await startHandoverYard(t, (asked, response) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => {
      const id = Buffer.concat(chunks).toString();
      if (asked.method === 'POST') done.set(id, (done.get(id) ?? 0) + 1);
      response.end(asked.method === 'POST' ? id : 'got');
    });
  });
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  const brief = new Agent({ keepAlive: false });
  t.after(() => agent.destroy());
  const over = new AbortController();
  let sent = 0;
  const wrong: string[] = [];
  const posted: string[] = [];
  const client = async (nth: number): Promise<void> => {
    for (let round = 0; !over.signal.aborted; round += 1) {
      // One client in eight opens a connection for each request: those meet the queue of the shared socket.
      const through = nth % 8 === 0 ? brief : agent;
      const id = `${nth}-${round}`;
      const isPost = round % 2 === 0;
      const said = await ask(through, yard.first.port, `/${id}`, isPost ? id : null);
      sent += 1;
      if (isPost) posted.push(id);
      if (said !== (isPost ? `200 ${id}` : '200 got')) wrong.push(`${id}: ${said}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, nth) => client(nth));
  let current = yard.first;
  try {
    for (let nth = 0; nth < HANDOVERS; nth += 1) {
      const next = await yard.next(current);
      await takeOver(next);
      process.kill(current.pid, 'SIGTERM');
      await untilGone(current);
      current = next;
    }
  } finally {
    over.abort();
    await Promise.all(clients);
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(
    posted.filter((id) => done.get(id) !== 1),
    [],
  );
  assert.equal(done.size, posted.length);
  t.diagnostic(`${sent} requests, ${posted.length} of them POST`);
  assert.ok(sent > 1_000);
});
