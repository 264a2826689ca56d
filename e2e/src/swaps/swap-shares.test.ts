/** A new deployment that only some people meet: previews for whoever has the operator's token, canaries for a share of the requests. */
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { ProbeYard } from '../traffic/probe-yard.ts';
import { startTraffic } from '../traffic/traffic.ts';
import type { Traffic, TrafficOptions, TrafficResult } from '../traffic/traffic.ts';
import { eventually } from '../yard-under-test.ts';
import { answeredBy, begin, ends, liveOf, nothingIsLeft, settle, tableOf } from './asked-swap.ts';

let yard: ProbeYard;
let token: string;

before(async () => {
  yard = await ProbeYard.create({ more: { bake: '1s', stopGrace: '1s' } });
  await yard.up();
  token = await yard.operatorToken();
});
beforeEach(() => yard.write('probe', {}));
afterEach(() => settle(yard));
after(() => yard.remove());

const load = (more: Partial<TrafficOptions> = {}): Traffic =>
  startTraffic({ origin: yard.origin, prefix: '/probe', kinds: { get: 4, post: 1 }, streams: 1, sockets: 1, ...more });

async function underLoad(
  work: (traffic: Traffic) => Promise<void>,
  more?: Partial<TrafficOptions>,
): Promise<TrafficResult> {
  const traffic = load(more);
  try {
    await work(traffic);
  } catch (error) {
    await traffic.stop();
    throw error;
  }
  return traffic.stop();
}

const asking = (value: string) => ({ 'switchyard-preview': value });
/** As a browser asks for a page: fetch would set Sec-Fetch-Mode itself. */
const BROWSER = { 'sec-fetch-dest': 'document', accept: 'text/html' };
const withCookie = (value: string) => ({ cookie: `other=1; switchyard_preview=${value}` });

/** Begins a preview; answers the deployment that is live and the one that is shown. */
async function preview(...more: string[]): Promise<{ live: string; shown: string }> {
  const live = (await liveOf(yard))!;
  const { output } = await ends(0, yard, 'swap', 'probe', '--preview', ...more);
  const { split } = (await tableOf(yard)).services['probe']!;
  const shown = Object.keys(split!).find((deployment) => deployment !== live)!;
  assert.equal(split![shown], 0);
  assert.match(output, new RegExp(`${shown} can be seen with the header Switchyard-Preview`));
  return { live, shown };
}

/** Whoever asks for it with the token gets it; nobody else does. */
async function assertShown(live: string, shown: string): Promise<void> {
  for (const headers of [asking(token), withCookie(token)])
    assert.equal(await answeredBy(yard, 'probe', headers), shown);
  const others = [
    {},
    asking('wrong'),
    asking(''),
    withCookie('wrong'),
    asking(`${token}x`),
    asking(token.slice(0, -1)),
  ];
  for (const headers of others) assert.equal(await answeredBy(yard, 'probe', headers), live);
}

test('a preview is seen with the token alone, and promoted it is live', { timeout: 90_000 }, async () => {
  let live = '';
  let shown = '';
  const result = await underLoad(async (traffic) => {
    ({ live, shown } = await preview());
    await assertShown(live, shown);
    traffic.takeSamples();
    await pause(1_500);
    assert.deepEqual([...new Set(traffic.takeSamples().map(({ deployment }) => deployment))], [live]);
    assert.equal(await liveOf(yard), live);
    await ends(0, yard, 'promote', 'probe');
    assert.equal(await liveOf(yard), shown);
    assert.equal(await answeredBy(yard), shown);
    await nothingIsLeft(yard);
  });
  assert.deepEqual(result.failures, []);
  assert.ok((await result.verify()).isGood);
});

test('who asks for a preview is not told on: the service never sees the token', { timeout: 60_000 }, async () => {
  const { live, shown } = await preview();
  for (const [headers, by] of [
    [asking(token), shown],
    [withCookie(token), shown],
    [asking('wrong'), live],
    [withCookie('wrong'), live],
  ] as const) {
    const answer = await fetch(`${yard.origin}/probe/headers`, { headers, signal: AbortSignal.timeout(5_000) });
    const seen = (await answer.json()) as { headers: Record<string, string>; deployment: string };
    assert.equal(seen.deployment, by);
    assert.doesNotMatch(JSON.stringify(seen.headers), new RegExp(`preview|${token}`, 'i'));
    if ('cookie' in headers) assert.match(seen.headers['cookie'] ?? '', /other=1/);
  }
  await ends(0, yard, 'abort', 'probe');
  assert.equal(await liveOf(yard), live);
  assert.equal(await answeredBy(yard, 'probe', asking(token)), live);
  await nothingIsLeft(yard);
});

test('a preview outlives its supervisor, and is promoted by the next one', { timeout: 90_000 }, async () => {
  const result = await underLoad(async () => {
    const { live, shown } = await preview();
    process.kill((await yard.status()).supervisor!.pid, 'SIGKILL');
    await assertShown(live, shown);
    await ends(0, yard, 'resume');
    await assertShown(live, shown);
    await ends(0, yard, 'promote', 'probe');
    assert.equal(await liveOf(yard), shown);
    await nothingIsLeft(yard);
  });
  assert.deepEqual(result.failures, []);
});

test(
  'of a canary of 10 about a tenth of the requests is answered by the new one, then more, then all',
  { timeout: 120_000 },
  async () => {
    const live = (await liveOf(yard))!;
    const result = await underLoad(
      async (traffic) => {
        // Four steps: 10, 20, 40, 80.
        const swap = begin(yard, 'swap', 'probe', '--canary', '10', '--bake', '16s');
        await swap.stage('canary');
        traffic.takeSamples();
        await pause(3_300);
        const samples = traffic.takeSamples();
        const share = samples.filter(({ deployment }) => deployment !== live).length / samples.length;
        const { split } = (await tableOf(yard)).services['probe']!;
        assert.deepEqual(
          Object.values(split!).sort((a, b) => a - b),
          [10, 90],
        );
        // Binomial: 330 requests, 1.7 % the standard deviation; four of them to each side.
        assert.ok(samples.length > 200 && share > 0.03 && share < 0.17, `${share} of ${samples.length}`);
        console.log(`canary of 10: ${(share * 100).toFixed(1)} % of ${samples.length} requests`);
        const { code, report, output, events } = await swap.ended;
        assert.equal(code, 0, output);
        const percents = new Set(
          events.flatMap(({ stage, figures }) => (stage === 'canary' ? (figures['percent'] ?? []) : [])),
        );
        assert.deepEqual([...percents], [10, 20, 40, 80]);
        assert.equal(await liveOf(yard), report!.services['probe']!.to);
      },
      { order: 'any' },
    );
    assert.deepEqual(result.failures, []);
    assert.ok((await result.verify()).isGood);
    await nothingIsLeft(yard);
  },
);

test(
  'who has met one of the two meets it again by a cookie, and a canary is promoted at once',
  { timeout: 60_000 },
  async () => {
    const live = (await liveOf(yard))!;
    const swap = begin(yard, 'swap', 'probe', '--canary', '50', '--bake', '40s');
    await swap.stage('canary');
    const people = await Promise.all(
      Array.from({ length: 30 }, async () => {
        const answer = await fetch(`${yard.origin}/probe/get?n=1`, {
          headers: BROWSER,
          signal: AbortSignal.timeout(5_000),
        });
        const { deployment } = (await answer.json()) as { deployment: string };
        const cookie = answer.headers
          .getSetCookie()
          .map((line) => line.split(';')[0])
          .join('; ');
        return { deployment, cookie };
      }),
    );
    assert.equal(new Set(people.map(({ deployment }) => deployment)).size, 2, 'both were met');
    for (const { deployment, cookie } of people) {
      assert.notEqual(cookie, '');
      for (const _ of [1, 2, 3]) assert.equal(await answeredBy(yard, 'probe', { cookie }), deployment);
    }
    await ends(0, yard, 'promote', 'probe', '--no-wait');
    const shown = (await liveOf(yard))!;
    assert.notEqual(shown, live);
    for (const { cookie } of people) assert.equal(await answeredBy(yard, 'probe', { cookie }), shown);
    await ends(0, yard, 'promote', 'probe');
    assert.equal((await swap.ended).code, 0);
    await nothingIsLeft(yard);
  },
);

test('a bad canary is given up, and only requests that met it failed', { timeout: 90_000 }, async () => {
  const live = (await liveOf(yard))!;
  await yard.write('probe', { failsAfterRequests: 5 });
  let bad = '';
  const result = await underLoad(
    async () => {
      const { report } = await ends(3, yard, 'swap', 'probe', '--canary', '20', '--bake', '30s');
      assert.match(report!.reason!, /is worse than probe-\d+: \d+ of \d+ requests failed/);
      assert.match(report!.lines.join('\n'), /listens/);
      bad = report!.services['probe']!.to!;
      assert.equal(await liveOf(yard), live);
      await nothingIsLeft(yard);
    },
    { order: 'any', streams: 0, sockets: 0 },
  );
  assert.ok(result.failed > 0);
  assert.ok(result.failures.every(({ deployment, reason }) => deployment === bad && reason === 'status 500'));
  assert.ok(result.failed < result.sent / 4, `${result.failed} of ${result.sent}`);
});

test('a canary that is aborted leaves everything as it was', { timeout: 60_000 }, async () => {
  const live = (await liveOf(yard))!;
  const result = await underLoad(
    async () => {
      const swap = begin(yard, 'swap', 'probe', '--canary', '10', '--bake', '40s');
      await swap.stage('canary');
      await ends(0, yard, 'abort', 'probe');
      assert.equal((await swap.ended).code, 3);
      assert.equal(await liveOf(yard), live);
      await nothingIsLeft(yard);
    },
    { order: 'any' },
  );
  assert.deepEqual(result.failures, []);
});

test('a preview that was asked for with a canary begins it when it is promoted', { timeout: 60_000 }, async () => {
  const result = await underLoad(
    async () => {
      const { live, shown } = await preview('--canary', '10', '--bake', '4s');
      await assertShown(live, shown);
      const promotion = begin(yard, 'promote', 'probe');
      await promotion.stage('canary');
      await eventually('it has its share', async () => (await tableOf(yard)).services['probe']!.split?.[shown] === 10);
      const { code, output } = await promotion.ended;
      assert.equal(code, 0, output);
      assert.equal(await liveOf(yard), shown);
      await nothingIsLeft(yard);
    },
    { order: 'any' },
  );
  assert.deepEqual(result.failures, []);
});
