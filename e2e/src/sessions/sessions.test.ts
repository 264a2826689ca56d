/** Sessions of the whole application: what wakes together stays signed in, what has ended is refused at every gateway. */
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import type { TestContext } from 'node:test';
import { FeedStream } from '../feed-stream.ts';
import { somebody } from '../people.ts';
import type { Somebody } from '../people.ts';
import { SecondGateway } from './second-gateway.ts';
import { eventually, YardUnderTest } from '../yard-under-test.ts';

/** Within this time nobody is let in any more who signed out, wherever. */
const REFUSED_WITHIN_MS = 10_000;

let yard: YardUnderTest;
let second: SecondGateway;
before(async () => {
  yard = await YardUnderTest.create();
  await yard.up();
  second = await anotherGateway();
});
after(async () => {
  await second.stop();
  await yard.remove();
});

const anotherGateway = async (): Promise<SecondGateway> =>
  SecondGateway.startLike((await yard.pids()).get('gateway')![0]!);

interface Session {
  readonly token: string;
  /** `name=value` of the refresh cookie. */
  readonly refresh: string;
}

/** As a browser is signed in. */
async function signIn({ handle, password }: Somebody): Promise<Session> {
  const answer = await fetch(`${yard.origin}/api/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ login: handle, password }),
  });
  assert.equal(answer.status, 200);
  const { accessToken } = (await answer.json()) as { accessToken: string };
  return { token: accessToken, refresh: cookiesOf(answer).refresh };
}

function cookiesOf(answer: Response): { access: string; refresh: string } {
  const [access, refresh] = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]!);
  return { access: access ?? '', refresh: refresh ?? '' };
}

const byToken = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });
const mine = (origin: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`${origin}/api/users/me`, { headers });
const statusOf = async (origin: string, headers: Record<string, string>): Promise<number> =>
  (await mine(origin, headers)).status;

/** A session that is in use at both gateways, with an event stream open at each. */
async function inUse(session: Session): Promise<FeedStream[]> {
  const origins = [yard.origin, second.origin];
  for (const origin of origins) assert.equal(await statusOf(origin, byToken(session.token)), 200);
  return Promise.all(origins.map((origin) => FeedStream.open(origin, session.token)));
}

/** Refused at both gateways, its streams ended, its refresh token good for nothing; the times are told. */
async function assertGone(t: TestContext, session: Session, streams: readonly FeedStream[]): Promise<void> {
  const sinceMs = performance.now();
  const times: Record<string, number> = {};
  const seen = async (what: string, end: Promise<unknown>): Promise<void> => {
    await end;
    times[what] = Math.round(performance.now() - sinceMs);
  };
  const refused = (origin: string): Promise<true> =>
    eventually(
      `${origin} refuses the token`,
      async () => (await statusOf(origin, byToken(session.token))) === 401,
      REFUSED_WITHIN_MS,
    );
  const closed = (stream: FeedStream): Promise<true> => {
    let isOver = false;
    void stream.ended.then(() => (isOver = true));
    return eventually('the stream ends', () => Promise.resolve(isOver), REFUSED_WITHIN_MS);
  };
  await Promise.all([
    seen('here', refused(yard.origin)),
    seen('there', refused(second.origin)),
    seen('stream here', closed(streams[0]!)),
    seen('stream there', closed(streams[1]!)),
  ]);
  t.diagnostic(`refused after ms: ${JSON.stringify(times)}`);
  assert.equal(await statusOf(second.origin, { cookie: session.refresh }), 401);
}

test('fifty tabs at two gateways, whose access has lapsed, go on with one and the same successor', async () => {
  const ada = await somebody(yard.origin, 'ada');
  const { refresh } = await signIn(ada);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, nth) => mine(nth % 2 === 0 ? yard.origin : second.origin, { cookie: refresh })),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(new Set(answers.map((answer) => cookiesOf(answer).refresh)).size, 1);
  for (const answer of answers) {
    const { access, refresh: next } = cookiesOf(answer);
    assert.equal(await statusOf(second.origin, { cookie: `${access}; ${next}` }), 200);
  }
  assert.equal(
    await statusOf(yard.origin, { cookie: cookiesOf(answers[0]!).refresh }),
    200,
    'and so do its successors',
  );
});

test('a refresh token that is replayed ends its family everywhere, and no other one of that person', async (t) => {
  const ben = await somebody(yard.origin, 'ben');
  const [stolen, other] = [await signIn(ben), await signIn(ben)];
  const owner = cookiesOf(await mine(yard.origin, { cookie: stolen.refresh }));
  const streams = await inUse(stolen);
  await eventually(
    'the grace is over',
    async () => (await statusOf(second.origin, { cookie: stolen.refresh })) === 401,
    30_000,
  );
  await assertGone(t, { token: stolen.token, refresh: owner.refresh }, streams);
  await eventually('the owner is out', async () => (await statusOf(yard.origin, { cookie: owner.access })) === 401);
  assert.equal(await statusOf(second.origin, byToken(other.token)), 200);
  assert.equal(await statusOf(second.origin, { cookie: other.refresh }), 200);
});

test('who signs out is refused at both gateways, and at one that starts later', async (t) => {
  const cal = await somebody(yard.origin, 'cal');
  const [here, stays] = [await signIn(cal), await signIn(cal)];
  const streams = await inUse(here);
  const answer = await fetch(`${yard.origin}/api/session`, { method: 'DELETE', headers: byToken(here.token) });
  assert.equal(answer.status, 204);
  await assertGone(t, here, streams);
  const later = await anotherGateway();
  t.after(() => later.stop());
  assert.equal(await statusOf(later.origin, byToken(here.token)), 401);
  assert.equal(await statusOf(later.origin, byToken(stays.token)), 200);
  const everywhere = await inUse(stays);
  const all = await fetch(`${second.origin}/api/sessions`, { method: 'DELETE', headers: byToken(stays.token) });
  assert.equal(all.status, 204);
  await assertGone(t, stays, everywhere);
  await eventually('all are out', async () => (await statusOf(later.origin, byToken(cal.api.token!))) === 401);
});

test('a changed password ends the other sessions, a deleted account all of them', async (t) => {
  const dee = await somebody(yard.origin, 'dee');
  const [other, last] = [await signIn(dee), await signIn(dee)];
  const streams = await inUse(other);
  const next = `${dee.password} anew`;
  await dee.api.call('PUT', '/api/users/me/password', { current: dee.password, next });
  await assertGone(t, other, streams);
  assert.equal(await statusOf(second.origin, { cookie: last.refresh }), 401);
  const own = { token: dee.api.token!, refresh: last.refresh };
  const ownStreams = await inUse(own);
  await dee.api.call('DELETE', '/api/users/me', { password: next });
  await assertGone(t, own, ownStreams);
});

/** Browsers that use their sessions without a pause, each refreshing now and then as if its access had lapsed. */
class Browsing {
  readonly failures: string[] = [];
  requests = 0;
  private isOver = false;
  private readonly running: Promise<void>;

  constructor(sessions: readonly Session[], origins: readonly string[]) {
    this.running = Promise.all(sessions.map((session) => this.browse(session, origins))).then(() => undefined);
  }

  async end(): Promise<void> {
    this.isOver = true;
    await this.running;
  }

  private async browse(session: Session, origins: readonly string[]): Promise<void> {
    let cookies = { access: '', refresh: session.refresh };
    for (let turn = 0; !this.isOver; turn += 1) {
      const origin = origins[turn % origins.length]!;
      const path = turn % 2 === 0 ? '/api/users/me' : '/api/feed';
      const cookie = turn % 10 === 0 ? cookies.refresh : `${cookies.access}; ${cookies.refresh}`;
      try {
        const answer = await fetch(origin + path, { headers: { cookie } });
        await answer.text();
        this.requests += 1;
        if (answer.status !== 200) this.failures.push(`${path} ${answer.status}`);
        if (answer.headers.getSetCookie().length === 2) cookies = cookiesOf(answer);
      } catch (error) {
        this.failures.push(`${path} ${String((error as Error).cause ?? error)}`);
      }
    }
  }
}

test('a new signing key takes over under load, and nobody notices', async () => {
  const fay = await somebody(yard.origin, 'fay');
  const sessions = await Promise.all(Array.from({ length: 4 }, () => signIn(fay)));
  const browsing = new Browsing(sessions, [yard.origin, second.origin]);
  const { privateKey } = generateKeyPairSync('ed25519');
  // As old as a key that has been published for long enough: it signs from when it is seen.
  const createdAt = Date.now() - 2 * 3_600_000;
  const key = { ...privateKey.export({ format: 'jwk' }), kid: 'by-hand', alg: 'EdDSA', use: 'sig', createdAt };
  const file = path.join(yard.folder, '.yard/keys/gateway-by-hand.private.jwk.json');
  await writeFile(`${file}.new`, JSON.stringify(key), { mode: 0o600 });
  await rename(`${file}.new`, file);
  for (const origin of [yard.origin, second.origin])
    await eventually('both keys are published', async () => {
      const { keys } = (await (await fetch(`${origin}/.well-known/jwks.json`)).json()) as { keys: { kid: string }[] };
      return keys.some(({ kid }) => kid === 'by-hand') && keys.some(({ kid }) => kid.startsWith('day-'));
    });
  const headOf = (token: string): { kid: string } =>
    JSON.parse(Buffer.from(token.split('.')[0]!, 'base64url').toString()) as { kid: string };
  await eventually('it signs', async () => headOf((await signIn(fay)).token).kid === 'by-hand');
  const before = browsing.requests;
  await eventually('it is used', () => Promise.resolve(browsing.requests > before + 200), 30_000);
  for (const { token } of sessions) {
    assert.ok(headOf(token).kid.startsWith('day-'));
    assert.equal(await statusOf(second.origin, byToken(token)), 200);
  }
  await browsing.end();
  assert.deepEqual(browsing.failures, []);
});

test('sessions are used and refreshed on while the gateway gives its door to a successor', async () => {
  const gil = await somebody(yard.origin, 'gil');
  const sessions = await Promise.all(Array.from({ length: 8 }, () => signIn(gil)));
  const browsing = new Browsing(sessions, [yard.origin]);
  const { code, stdout, stderr } = await yard.yard('swap', 'gateway');
  assert.equal(code, 0, stdout + stderr);
  const before = browsing.requests;
  await eventually('the successor is used', () => Promise.resolve(browsing.requests > before + 200), 30_000);
  await browsing.end();
  assert.deepEqual(browsing.failures, []);
  for (const { token } of sessions) assert.equal(await statusOf(yard.origin, byToken(token)), 200);
});

test('what has ended is refused while the session store is away, at a gateway that starts then too', async (t) => {
  const eve = await somebody(yard.origin, 'eve');
  const session = await signIn(eve);
  assert.equal(await statusOf(second.origin, byToken(session.token)), 200);
  const answer = await fetch(`${yard.origin}/api/session`, { method: 'DELETE', headers: byToken(session.token) });
  assert.equal(answer.status, 204);
  const frozen = (await yard.pids()).get('users')!;
  for (const pid of frozen) process.kill(pid, 'SIGSTOP');
  const later = await anotherGateway();
  t.after(() => later.stop());
  // Feeds is asked: users cannot answer.
  const feed = async (origin: string): Promise<number> =>
    (await fetch(`${origin}/api/feed`, { headers: byToken(session.token) })).status;
  try {
    for (const origin of [yard.origin, second.origin, later.origin])
      await eventually(`${origin} refuses`, async () => (await feed(origin)) === 401, REFUSED_WITHIN_MS);
  } finally {
    for (const pid of frozen) process.kill(pid, 'SIGCONT');
  }
  await eventually('the store is back', async () => (await statusOf(yard.origin, byToken(session.token))) === 401);
});
