/** HTTPS at a door of several workers: connections are spread before their handshake, and none is the worse for it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { Agent, request } from 'node:https';
import { test } from 'node:test';
import { askStream, certificateFor } from '../testing/secure-yard.ts';
import { freePort } from '../testing/free-port.ts';
import { healthOf, untilServing } from '../testing/several-workers.ts';
import { startHandoverYard } from '../testing/test-handover.ts';

test('HTTPS connections that arrive together are spread over the workers', { timeout: 60_000 }, async (t) => {
  const { authority, files } = certificateFor(t);
  const tlsPort = await freePort();
  const settings = JSON.stringify({ workers: 2, tls: { ...files, port: tlsPort } });
  const yard = await startHandoverYard(t, (asked, response) => void asked.pipe(response), {
    GATEWAY_SETTINGS: settings,
  });
  await untilServing(yard.first, 2);
  const agent = new Agent({ keepAlive: true, ca: authority.pem });
  t.after(() => agent.destroy());
  const ask = (body: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const asked = request({ host: 'localhost', port: tlsPort, agent, method: 'POST' }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        answer.on('end', () => resolve(`${answer.statusCode} ${text}`));
      });
      asked.on('error', reject);
      asked.end(body);
    });
  const bodies = Array.from({ length: 32 }, (_, nth) => `${nth} `.repeat(500));
  const answers = await Promise.all(bodies.map(ask));
  assert.deepEqual(
    answers,
    bodies.map((body) => `200 ${body}`),
  );
  const connections = (await healthOf(yard.first)).map(({ connections: count }) => count!);
  t.diagnostic(`connections: ${connections.join(' and ')}`);
  assert.ok(connections.every((count) => count > 0));

  const sessions = Array.from({ length: 16 }, () => connect(`https://localhost:${tlsPort}`, { ca: authority.pem }));
  t.after(() => {
    for (const session of sessions) session.destroy();
  });
  await Promise.all(sessions.map((session) => once(session, 'connect')));
  const head = { ':path': '/', ':method': 'POST' };
  const streams = await Promise.all(sessions.map((session) => askStream(session, head, 'hello')));
  assert.ok(streams.every(({ status, text }) => status === 200 && text === 'hello'));
});
