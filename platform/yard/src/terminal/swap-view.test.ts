/** What is shown of a swap, from recorded events: rows, plain lines, JSON. */
import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import pico from 'picocolors';
import type { Invocation, Output } from '../command.ts';
import type { SwapEvent, SwapReport } from '../swap/swap-report.ts';
import type { SwapStage } from '../swap/swap-stage.ts';
import { swapRows } from './live-swap-view.ts';
import { progressed } from './swap-progress.ts';
import type { SwapProgress } from './swap-progress.ts';
import { reportLines } from './swap-report-lines.ts';
import { swapView } from './swap-view.ts';

const colours = pico.createColors(false);
const inColour = pico.createColors(true);
const BEFORE = { users: { from: 'users-6', to: null } };
const AFTER = { users: { from: 'users-6', to: 'users-7' } };

const event = (stage: SwapStage, sinceMs: number, detail = '', figures: Record<string, number> = {}): SwapEvent => ({
  kind: 'swap',
  id: 'swap-0123456789ab',
  services: stage === 'asked' || stage === 'locked' ? BEFORE : AFTER,
  stage,
  detail,
  sinceMs,
  figures,
});

const TO_BAKE: readonly SwapEvent[] = [
  event('asked', 0),
  event('locked', 4),
  event('locked', 5, 'building: npm run build'),
  event('built', 2_400),
  event('built', 2_450, 'users-7.1 on port 3020 (green)'),
  event('spawned', 2_460),
  event('healthy', 3_900),
  event('warm', 3_910),
  event('committed', 3_925),
  event('committed', 3_930, 'waiting for 2 of 2 who route', { waitingFor: 2 }),
  event('committed', 3_931, 'waiting for 1 of 2 who route', { waitingFor: 1 }),
  event('committed', 3_937, 'by 2 who route', { watchers: 2 }),
  event('acknowledged', 3_938),
  event('drained', 3_950),
  event('drained', 3_951, '', { bakeLeftMs: 30_000, requests: 0, failed: 0 }),
  event('drained', 18_951, '', { bakeLeftMs: 15_000, requests: 1_200, failed: 3, meanLatencyMs: 4.06 }),
];

const REPORT: SwapReport = {
  version: 1,
  id: 'swap-0123456789ab',
  kind: 'swap',
  services: AFTER,
  startedAt: '2026-11-22T06:12:03.000Z',
  endedAt: '2026-11-22T06:12:37.400Z',
  outcome: 'done',
  reason: null,
  lines: [],
  timeline: [
    { stage: 'locked', atMs: 4 },
    { stage: 'committed', atMs: 3_925 },
  ],
  epoch: 12,
  commitToAcknowledgedMs: 11.6,
  revertMs: null,
  requests: {
    'users-6': { requests: 1, failed: 0, meanLatencyMs: 3.21 },
    'users-7': { requests: 0, failed: 0, meanLatencyMs: 0 },
  },
  cut: 0,
};
const REVERTED: SwapReport = {
  ...REPORT,
  outcome: 'reverted',
  reason: 'users-7 is worse than users-6: 40 % of its requests failed',
  lines: ['{"level":"error","message":"boom","time":"2026-11-22T06:12:30.100Z"}', 'Error: \u001B[2Jboom'],
  revertMs: 34,
};

const progressOf = (events: readonly SwapEvent[]): SwapProgress =>
  events.reduce<SwapProgress | null>((before, one) => progressed(before, one), null)!;
const rowsOf = (events: readonly SwapEvent[], { columns = 79, elapsedMs = 0 } = {}) =>
  swapRows(progressOf(events), { colours, spinner: '*', columns, elapsedMs });

function printed(json: boolean): { readonly invocation: Invocation; readonly out: string[]; readonly err: string[] } {
  const [out, err]: [string[], string[]] = [[], []];
  const into = (lines: string[]): Output =>
    new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        lines.push(...chunk.split('\n').slice(0, -1));
        done();
      },
    });
  const invocation: Invocation = {
    cwd: '/',
    env: {},
    stdin: process.stdin,
    stdout: into(out),
    stderr: into(err),
    colours,
    values: { json },
    positionals: [],
  };
  return { invocation, out, err };
}

test('on a terminal each stage has a row with the time it took, and the last one says what is going on', () => {
  assert.deepEqual(rowsOf(TO_BAKE), [
    '  users-6 -> users-7',
    '✓ locked            4 ms',
    '✓ built            2.4 s',
    '✓ spawned          60 ms  users-7.1 on port 3020 (green)',
    '✓ healthy          1.4 s',
    '✓ warm             10 ms',
    '✓ committed        15 ms',
    '✓ acknowledged     13 ms  by 2 who route',
    '✓ drained          12 ms',
    `* watching it ${'━'.repeat(12)}${'─'.repeat(12)} 15.0 s left`,
    '  users-7  1200 requests, 3 failed, 4.1 ms each',
  ]);
});

test('while something is built, the row says what', () => {
  assert.equal(rowsOf(TO_BAKE.slice(0, 2)).at(-1), '* building');
  assert.equal(rowsOf(TO_BAKE.slice(0, 3)).at(-1), '* building: npm run build');
  assert.equal(rowsOf(TO_BAKE.slice(0, 3))[0], '  users-6 -> …');
});

test('time goes on between what is told', () => {
  const building = TO_BAKE.slice(0, 3);
  assert.equal(rowsOf(building, { elapsedMs: 900 }).at(-1), '* building: npm run build');
  assert.equal(rowsOf(building, { elapsedMs: 1_200 }).at(-1), '* building: npm run build 1.2 s');
  assert.match(rowsOf(TO_BAKE, { elapsedMs: 600 }).at(-2)!, / 14\.4 s left$/);
  assert.match(rowsOf(TO_BAKE, { elapsedMs: 20_000 }).at(-2)!, / 0 ms left$/);
});

test('a narrow terminal gets a shorter bar, a very narrow one none', () => {
  const at = (columns: number) => rowsOf(TO_BAKE, { columns }).at(-2);
  assert.equal(at(37), `* watching it ${'━'.repeat(6)}${'─'.repeat(5)} 15.0 s left`);
  assert.equal(at(24), '* watching it 15.0 s left');
});

test('a canary shows its share, and a swap that fails where it failed', () => {
  const canary = [...TO_BAKE.slice(0, 8), event('canary', 3_920), event('canary', 4_000, '', { percent: 20 })];
  assert.equal(rowsOf(canary).at(-1), '* 20 % of the requests');
  const aborted = [...TO_BAKE.slice(0, 6), event('aborting', 3_160), event('aborted', 3_460)];
  assert.deepEqual(rowsOf(aborted).slice(-2), [
    '✗ aborting        700 ms  while waiting until it is well',
    '✗ aborted         300 ms',
  ]);
});

test('a swap that begins while another is shown has rows of its own', () => {
  const other = { ...event('asked', 0), id: 'swap-ba9876543210' };
  assert.deepEqual(rowsOf([...TO_BAKE, other]), ['  users-6 -> …', '* waiting for its turn']);
});

test('elsewhere than on a terminal each stage and each thing that is done is a line, and numbers that count down are none', () => {
  const { invocation, out } = printed(false);
  const view = swapView(invocation);
  for (const one of TO_BAKE) view.onEvent(one);
  assert.deepEqual(out, [
    '       0 ms  asked         users-6 -> …',
    '       4 ms  locked',
    '       5 ms                building: npm run build',
    '      2.4 s  built         users-6 -> users-7',
    '      2.5 s                users-7.1 on port 3020 (green)',
    '      2.5 s  spawned',
    '      3.9 s  healthy',
    '      3.9 s  warm',
    '      3.9 s  committed',
    '      3.9 s                waiting for 2 of 2 who route',
    '      3.9 s                by 2 who route',
    '      3.9 s  acknowledged',
    '      4.0 s  drained',
  ]);
  out.length = 0;
  view.ended({ exitCode: 0, report: REPORT, goingOn: '' });
  assert.deepEqual(out, [
    '✓ done in 34.4 s: users-7 is live (users-6 before)',
    '  users-6  1 request, 0 failed, 3.2 ms each',
    '  users-7  0 requests, 0 failed',
    '  epoch 12, everyone routed by it after 12 ms, no request was cut',
  ]);
});

test('programs get each event as it came and then the report with the exit code, and sentences on standard error', () => {
  const { invocation, out, err } = printed(true);
  const view = swapView(invocation);
  for (const one of TO_BAKE) view.onEvent(one);
  view.note('giving it up');
  view.ended({ exitCode: 4, report: REVERTED, goingOn: '' });
  const lines = out.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(lines.slice(0, -1), TO_BAKE);
  const { kind, ...rest } = REVERTED;
  assert.deepEqual(lines.at(-1), { ...rest, kind: 'report', what: kind, exitCode: 4, goingOn: '' });
  assert.deepEqual(err, ['giving it up']);
});

test('programs also get a last line of kind report when the swap goes on, or was refused', () => {
  const { invocation, out } = printed(true);
  const view = swapView(invocation);
  view.ended({ exitCode: 0, report: null, goingOn: 'the bake goes on' });
  view.failed({ exitCode: 5, message: 'another one', hint: 'wait' });
  assert.deepEqual(
    out.map((line) => JSON.parse(line) as unknown),
    [
      { kind: 'report', exitCode: 0, goingOn: 'the bake goes on' },
      { kind: 'report', exitCode: 5, message: 'another one', hint: 'wait' },
    ],
  );
});

test('a report of a failure says why, with the last log lines and what is live now', () => {
  const plain = reportLines(REVERTED, 4, { colours, columns: null, isWatched: true });
  assert.deepEqual(plain.slice(0, 4), [
    '✗ reverted after 34.4 s: users-6 is live again',
    '  users-7 is worse than users-6: 40 % of its requests failed',
    `    ${REVERTED.lines[0]}`,
    `    ${REVERTED.lines[1]}`,
  ]);
  assert.equal(plain.at(-1), '  epoch 12, everyone routed by it after 12 ms, taken back in 34 ms, no request was cut');
  const aborted = { ...REVERTED, outcome: 'aborted', epoch: null, requests: {} } as const;
  assert.match(
    reportLines(aborted, 3, { colours, columns: null, isWatched: true })[0]!,
    /^✗ aborted .*users-6 is live, as before$/,
  );
});

test('what was taken back because somebody asked for it has gone well', () => {
  const [head] = reportLines(REVERTED, 0, { colours, columns: null, isWatched: true });
  assert.equal(head, '✓ reverted after 34.4 s: users-6 is live again');
});

test('on a terminal a report fits its width, and what a service has logged does not steer it', () => {
  const lines = reportLines(REVERTED, 4, { colours: inColour, columns: 40, isWatched: false });
  const visible = lines.map((line) => line.replaceAll(/\u001B\[[0-9;]*m/g, '').trimEnd());
  for (const line of visible) assert.ok(line.length <= 40, line);
  assert.ok(visible.includes('    06:12:30.100 ERROR boom'));
  assert.ok(visible.includes('    Error: ·[2Jboom'));
  assert.ok(visible.includes('  users-6 -> users-7: locked 4 ms,'));
});
