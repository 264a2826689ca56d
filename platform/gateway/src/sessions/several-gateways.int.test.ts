/** Several gateways of one yard: what one refreshes the others go on with, what ends at one ends at all, with the store away too. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { appendFile, readdir, rm } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { createLogger } from '@switchyard/kit/log';
import { uuidv7 } from '@switchyard/kit/ids';
import { WebSocket, WebSocketServer } from 'ws';
import { PASSWORD, TestSessionStore } from '../testing/test-session-store.ts';
import { startTestYard, startUpstream } from '../testing/test-yard.ts';
import type { TestYard } from '../testing/test-yard.ts';
import { EndedJournal } from './ended-journal.ts';

async function start(t: TestContext) {
  const store = await TestSessionStore.start(t);
  const upstream = await startUpstream(t, (request, response) => {
    if (request.url !== '/stream') return void response.end('ok');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  });
  const sockets = new WebSocketServer({ server: upstream.server });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.send('hello');
  });
  const services = {
    users: { routes: ['/api/users'], deployments: { 'users-1': [{ id: 'users-a', port: store.upstream.port }] } },
    echo: {
      routes: ['/', { path: '/private', auth: 'required' }],
      deployments: { 'echo-1': [{ id: 'echo-a', port: upstream.port }] },
    },
  };
  const one = await startTestYard(t, services);
  const another = (): Promise<TestYard> => startTestYard(t, services, { KEYS_DIR: one.keysDir });
  return { store, one, another };
}

async function signIn({ url }: TestYard) {
  const answer = await fetch(`${url}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login: 'ada', password: PASSWORD }),
  });
  const { accessToken } = (await answer.json()) as { accessToken: string };
  const [access, refresh] = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
  return { bearer: { authorization: `Bearer ${accessToken}` }, access: access!, refresh: refresh! };
}

const statusOf = async (url: string, headers: Record<string, string>): Promise<number> =>
  (await fetch(`${url}/private`, { headers })).status;

/** Asks until it is refused; ten seconds at most. */
async function untilRefused(url: string, headers: Record<string, string>): Promise<void> {
  const deadline = AbortSignal.timeout(10_000);
  while ((await statusOf(url, headers)) !== 401) deadline.throwIfAborted();
}

test('fifty tabs at two gateways get one successor, and all of them go on with it', async (t) => {
  const { store, one, another } = await start(t);
  const other = await another();
  const { refresh } = await signIn(one);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, nth) =>
      fetch(`${(nth % 2 === 0 ? one : other).url}/private`, { headers: { cookie: refresh } }),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  const next = new Set(answers.map(({ headers }) => headers.getSetCookie()[1]!.split(';')[0]!));
  assert.equal(next.size, 1);
  assert.equal(store.calls.filter((call) => call === '/internal/sessions/refresh').length, 2, 'one call a gateway');
  assert.equal(store.rotations, 1);
  for (const { headers } of answers)
    assert.equal(await statusOf(other.url, { cookie: headers.getSetCookie()[0]!.split(';')[0]! }), 200);
  assert.equal(await statusOf((await another()).url, { cookie: [...next][0]! }), 200, 'a later one goes on');
});

test('signing out at one gateway ends tokens, event streams and WebSockets at another, with the store away too', async (t) => {
  const { store, one, another } = await start(t);
  const other = await another();
  const { bearer } = await signIn(one);
  const headers = { ...bearer };
  const asked = httpRequest(`${other.url}/stream`, { headers }).end();
  const [stream] = (await once(asked, 'response')) as [IncomingMessage];
  stream.resume();
  const socket = new WebSocket(`ws://${other.host}/`, { headers });
  await once(socket, 'message');
  const deadline = { signal: AbortSignal.timeout(10_000) };
  const [ended, closed] = [once(stream, 'end', deadline), once(socket, 'close', deadline)];
  assert.equal((await fetch(`${one.url}/api/session`, { method: 'DELETE', headers })).status, 204);
  await store.upstream.stop();
  await Promise.all([untilRefused(other.url, bearer), ended]);
  assert.equal((await closed)[0], 1008);
  assert.equal(await statusOf((await another()).url, bearer), 401, 'one that starts while the store is away knows too');
});

test('what a gateway has heard from the store outlives it, with the store away', async (t) => {
  const { store, one, another } = await start(t);
  const { bearer } = await signIn(one);
  const { sid } = JSON.parse(Buffer.from(bearer.authorization.split('.')[1]!, 'base64url').toString()) as {
    sid: string;
  };
  store.endFamily(sid);
  await untilRefused(one.url, bearer);
  await store.upstream.stop();
  await untilRefused((await another()).url, bearer);
});

test('a gateway that starts reads all that has ended, however much that is', async (t) => {
  const { one } = await start(t);
  const directory = join(one.keysDir, 'journal-under-test');
  const log = createLogger({ service: 'gateway', level: 'silent' });
  const ids = Array.from({ length: 100_000 }, () => uuidv7());
  const writer = new EndedJournal({ directory, log, onRead: () => {} });
  for (const id of ids) writer.note(id);
  await writer.exchange();
  const heard: string[] = [];
  await new EndedJournal({ directory, log, onRead: (read) => void heard.push(...read) }).exchange();
  assert.deepEqual(heard, ids);
});

test('a torn line costs nothing but itself, and old files go', async (t) => {
  const { one } = await start(t);
  const directory = join(one.keysDir, 'journal-under-test');
  const heard: string[] = [];
  let nowMs = 1_800_000_000_000;
  const log = createLogger({ service: 'gateway', level: 'silent' });
  const journal = (to: string[]): EndedJournal =>
    new EndedJournal({ directory, log, onRead: (ids) => to.push(...ids), nowMs: () => nowMs });
  const [first, second, third] = [uuidv7(), uuidv7(), uuidv7()];
  const writer = journal([]);
  writer.note(first);
  await writer.exchange();
  const [name] = await readdir(directory);
  await appendFile(join(directory, name!), '0190');
  writer.note(second);
  await writer.exchange();
  writer.note(third);
  await writer.exchange();
  const reader = journal(heard);
  await reader.exchange();
  assert.deepEqual(heard, [first, second, third]);
  nowMs += 15 * 60_000;
  await journal(heard).exchange();
  assert.equal(heard.length, 6);
  nowMs += 15 * 60_000;
  await reader.exchange();
  assert.deepEqual(await readdir(directory), []);
  await rm(directory, { recursive: true });
});
