/** A browser's session over HTTP/2: signed in, recognised, streaming, and signed out. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { test } from 'node:test';
import { IDENTITY_HEADER } from '@switchyard/contracts/identity';
import { answerOf, askStream, certificateFor } from '../testing/secure-yard.ts';
import { freePort } from '../testing/free-port.ts';
import { PASSWORD, TestSessionStore } from '../testing/test-session-store.ts';
import { startTestYard, startUpstream } from '../testing/test-yard.ts';

test('a session over HTTP/2 is that of a browser: its cookies, its event streams and its end', async (t) => {
  const store = await TestSessionStore.start(t);
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url !== '/stream') return void response.end(String(request.headers[IDENTITY_HEADER] ?? 'nobody'));
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  });
  const services = {
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'u', port: store.upstream.port }] } },
    echo: { routes: ['/'], deployments: { 'echo-1': [{ id: 'e', port: upstream.port }] } },
  };
  const { authority, files } = certificateFor(t);
  const port = await freePort();
  await startTestYard(t, services, { GATEWAY_SETTINGS: JSON.stringify({ tls: { ...files, port } }) });
  const session = connect(`https://localhost:${port}`, { ca: authority.pem });
  t.after(() => session.destroy());

  const credentials = JSON.stringify({ login: 'ada', password: PASSWORD });
  const signIn = { ':method': 'POST', ':path': '/api/session', 'content-type': 'application/json' };
  const fromUs = { origin: `https://localhost:${port}` };
  const signedIn = await askStream(session, { ...signIn, ...fromUs }, credentials);
  assert.equal(signedIn.status, 200);
  const set = signedIn.headers['set-cookie']!;
  assert.equal(set.length, 2);
  for (const one of set) assert.match(one, /^__Host-switchyard-\w+=[^;]+;.*HttpOnly; Secure; SameSite=Lax$/);
  // In two fields, as browsers send them by HTTP/2.
  const cookie = set.map((one) => one.split(';')[0]!);

  assert.match((await askStream(session, { ':path': '/x', cookie })).text, /^eyJ/);
  assert.equal((await askStream(session, { ':path': '/x' })).text, 'nobody');
  const stream = session.request({ ':path': '/stream', cookie });
  await once(stream, 'response');
  const streamed = answerOf(stream);
  const signedOut = await askStream(session, { ':method': 'DELETE', ':path': '/api/session', cookie, ...fromUs });
  assert.equal(signedOut.status, 204);
  const { text, resetCode } = await streamed;
  assert.deepEqual([text, resetCode], ['data: 1\n\n', 0]);
  assert.equal((await askStream(session, { ':path': '/x', cookie: cookie[0]! })).text, 'nobody');
});
