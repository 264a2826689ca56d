/** Bad candidates, under load: each swap ends before its commit, says why, and nobody who is served notices. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, open, readFile, rm, statfs, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { ProbeYard } from '../traffic/probe-yard.ts';
import type { ProbeSettings } from '../traffic/probe-files.ts';
import { startTraffic } from '../traffic/traffic.ts';
import type { Traffic } from '../traffic/traffic.ts';
import { ask, away, begin, ends, idlePort, liveOf, nothingIsLeft, stranger } from './asked-swap.ts';
import type { EndedSwap } from './asked-swap.ts';

interface Bad {
  readonly is: string;
  readonly settings?: ProbeSettings;
  /** Keys of the service in switchyard.yaml. */
  readonly declared?: Readonly<Record<string, unknown>>;
  /** Part of the one sentence. */
  readonly because: RegExp;
  /** Among the last lines of its log. */
  readonly logged?: RegExp;
  readonly alsoInPython?: true;
}

const QUICK = { startTimeout: '1500ms' };
const BAD: readonly Bad[] = [
  {
    is: 'crashes at boot',
    settings: { crashesAtBoot: true },
    because: /^(probe|snake)-\d+: ended with exit code 1$/,
    logged: /cannot start: the flour is missing/,
    alsoInPython: true,
  },
  {
    is: 'is never ready',
    settings: { healthStatus: 503 },
    declared: QUICK,
    because: /: not well within 1.5 s: \/health answers 503$/,
    logged: /listens/,
    alsoInPython: true,
  },
  {
    is: 'is too slow to start',
    settings: { bootMs: 60_000 },
    declared: QUICK,
    because: /: not well within 1.5 s: nobody listens on port \d+$/,
  },
  {
    is: 'names another instance than itself',
    settings: { headers: { 'x-switchyard-instance': 'another-1' } },
    declared: QUICK,
    because: /: not well within 1.5 s: port \d+ is answered by another instance \(another-1\)$/,
    logged: /listens/,
  },
  {
    is: 'exits right after it was ready',
    settings: { exitsAfterHealthyMs: 300 },
    because: /: ended with exit code 1$/,
    logged: /listens/,
    alsoInPython: true,
  },
  {
    is: 'is unhealthy and hangs on SIGTERM',
    settings: { healthStatus: 503, onStop: 'ignore' },
    declared: { ...QUICK, stopGrace: '1s' },
    because: /: not well within 1.5 s: \/health answers 503$/,
    logged: /listens/,
    alsoInPython: true,
  },
  {
    is: 'cannot be built',
    // A tree that was built before is not built again.
    settings: { bootMs: 1 },
    declared: { build: "sh -c 'echo the oven is cold >&2; exit 7'" },
    because: /build.*exit code 7/,
    logged: /the oven is cold/,
  },
  {
    is: 'is run by a command that does not exist',
    declared: { run: 'no-such-baker --now' },
    because: /no-such-baker/,
  },
  {
    is: 'answers 500 where it is warmed',
    settings: { failsAfterRequests: 0 },
    declared: { warm: ['/health', '/probe/get?n=1'] },
    because: /^probe-\d+ does not warm up: \/probe\/get\?n=1 answers 500$/,
    logged: /listens/,
  },
  {
    is: 'has a migrate hook that fails',
    declared: { migrate: "sh -c 'echo no such table: loaves >&2; exit 9'" },
    because: /migrate hook.*exit code 9/,
    logged: /no such table: loaves/,
  },
];

let yard: ProbeYard;
let traffic: Traffic[];

before(async () => {
  yard = await ProbeYard.create({ probes: { probe: 'node', snake: 'python' }, more: { bake: '1s', stopGrace: '5s' } });
  await yard.up();
  traffic = [
    startTraffic({ origin: yard.origin, prefix: '/probe', ratePerSecond: 80, streams: 2, sockets: 2 }),
    startTraffic({ origin: yard.origin, prefix: '/snake', ratePerSecond: 20, streams: 1, sockets: 0 }),
  ];
});
after(async () => {
  await Promise.all(traffic.map((each) => each.stop()));
  await yard.remove();
});

/** The swap was given up before its commit, for one clear reason, and what is live has not changed. */
function assertRefused({ code, report, output }: EndedSwap, because: RegExp, logged?: RegExp): void {
  assert.equal(code, 3, output);
  assert.ok(report !== null, output);
  assert.equal(report.outcome, 'aborted');
  assert.ok(!report.timeline.some(({ stage }) => stage === 'committed'), output);
  assert.match(report.reason!, because);
  assert.doesNotMatch(report.reason!, /\n|undefined|\[object|Error:/);
  if (logged !== undefined) assert.match(report.lines.join('\n'), logged);
}

function assertUnnoticed(): void {
  assert.deepEqual(
    traffic.flatMap((each) => each.failures()),
    [],
  );
}

async function refuses(service: string, { settings = {}, declared = {}, because, logged }: Bad): Promise<void> {
  const live = await liveOf(yard, service);
  await yard.write(service, settings);
  const declaredBefore = await yard.declare(service, declared);
  try {
    assertRefused(await ask(yard, 'swap', service), because, logged);
  } finally {
    await yard.declare(service, declaredBefore);
    await yard.write(service, {});
  }
  assert.equal(await liveOf(yard, service), live);
  await nothingIsLeft(yard);
  assertUnnoticed();
}

describe('a candidate is refused that', { timeout: 300_000 }, () => {
  for (const bad of BAD) {
    test(bad.is, () => refuses('probe', bad));
    if (bad.alsoInPython) test(`${bad.is}, in Python`, () => refuses('snake', bad));
  }

  test('finds its port taken while the old one answers', async () => {
    const live = await liveOf(yard);
    const port = await idlePort(yard);
    const other = await stranger(port);
    try {
      assertRefused(await ask(yard, 'swap', 'probe'), new RegExp(`^probe-\\d+: .*port ${port} is taken`));
    } finally {
      await away(other);
    }
    assert.equal(await liveOf(yard), live);
    await nothingIsLeft(yard);
    assertUnnoticed();
  });

  for (const [who, headers, because] of [
    ['another program', {}, /: not well within 2 s: port \d+ is answered by a process that the yard did not start$/],
    [
      'another instance',
      { 'x-switchyard-instance': 'probe-1.1.0123456789ab' },
      /: not well within 2 s: port \d+ is answered by another instance \(probe-1\.1\.0123456789ab\)$/,
    ],
  ] as const) {
    test(`has ${who} answer on its port, well as it may be`, async () => {
      const live = await liveOf(yard);
      const port = await idlePort(yard);
      await yard.write('probe', { bootMs: 60_000 });
      const declaredBefore = await yard.declare('probe', { startTimeout: '2s' });
      const swap = begin(yard, 'swap', 'probe');
      let other: Server | null = null;
      try {
        await swap.stage('spawned');
        other = await stranger(port, headers);
        assertRefused(await swap.ended, because);
      } finally {
        await swap.ended;
        if (other !== null) await away(other);
        await yard.write('probe', {});
        await yard.declare('probe', declaredBefore);
      }
      assert.equal(await liveOf(yard), live);
      await nothingIsLeft(yard);
      assertUnnoticed();
    });
  }

  test('is described by a switchyard.yaml with a fault', async () => {
    const live = await liveOf(yard);
    const file = path.join(yard.folder, 'switchyard.yaml');
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.replace('health: /health', 'healht: /health'));
    try {
      const { code, output } = await ask(yard, 'swap', 'probe');
      assert.equal(code, 3, output);
      assert.match(output, /healht/);
      assert.match(output, /switchyard\.yaml/);
    } finally {
      await writeFile(file, good);
    }
    assert.equal(await liveOf(yard), live);
    await nothingIsLeft(yard);
    assertUnnoticed();
  });
});

test('after all of them a good one goes live, and no request has failed', { timeout: 60_000 }, async () => {
  for (const service of ['probe', 'snake']) {
    const live = await liveOf(yard, service);
    const { report } = await ends(0, yard, 'swap', service);
    assert.equal(await liveOf(yard, service), report!.services[service]!.to);
    assert.notEqual(await liveOf(yard, service), live);
  }
  await nothingIsLeft(yard);
  const results = await Promise.all(traffic.map((each) => each.stop()));
  for (const result of results) {
    assert.deepEqual(result.failures, []);
    assert.ok((await result.verify()).isGood);
  }
  console.log(`${results.reduce((sum, { sent }) => sum + sent, 0)} requests, none failed`);
});

describe('a full disk', { timeout: 180_000 }, () => {
  let disk: string | null;
  let small: ProbeYard;
  let load: Traffic;

  before(async () => {
    disk = await smallDisk('128m');
    if (disk === null) return;
    small = await ProbeYard.create({ within: disk, more: { bake: '1s' } });
    await small.up();
    load = startTraffic({ origin: small.origin, prefix: '/probe', kinds: { get: 1 }, streams: 1, sockets: 1 });
  });
  after(async () => {
    if (disk === null) return;
    await load.stop();
    await small.remove();
    execFileSync('umount', [disk]);
    await rm(disk, { recursive: true });
  });

  test('refuses a candidate whose release has no room, and says so', async (t) => {
    if (disk === null) return t.skip('no file system can be mounted here');
    const live = await liveOf(small);
    const { bavail, bsize } = await statfs(disk);
    const large = path.join(small.folder, 'probe', 'flour.bin');
    await writeFile(large, Buffer.alloc(Math.floor((bavail * bsize) / 2) + 1_048_576));
    assertRefused(await ask(small, 'swap', 'probe'), /^the disk is full: its release could not be copied$/);
    await rm(large);
    assert.equal(await liveOf(small), live);
    await nothingIsLeft(small);
    assert.deepEqual(load.failures(), []);
  });

  test('on which not a byte can be written refuses it too, and everything is as before when there is room again', async (t) => {
    if (disk === null) return t.skip('no file system can be mounted here');
    const live = await liveOf(small);
    await fill(path.join(disk, 'full'));
    assertRefused(await ask(small, 'swap', 'probe'), /^its journal cannot be written: .*no space left/);
    assert.equal(await liveOf(small), live);
    await rm(path.join(disk, 'full'));
    await ends(0, small, 'swap', 'probe');
    assert.notEqual(await liveOf(small), live);
    assert.deepEqual(load.failures(), []);
  });

  test('leaves nothing behind once the yard was down and up', async (t) => {
    if (disk === null) return t.skip('no file system can be mounted here');
    await load.stop();
    assert.equal((await small.yard('down')).code, 0);
    await small.up();
    await ends(0, small, 'resume');
    await nothingIsLeft(small);
  });
});

/** A file system of its own for a folder; null where that may not be. */
async function smallDisk(size: string): Promise<string | null> {
  const folder = await mkdtemp(path.join(tmpdir(), 'small-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder], { stdio: 'pipe' });
    return folder;
  } catch {
    await rm(folder, { recursive: true });
    return null;
  }
}

/** Writes until nothing more can be written. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (;;) await handle.write(Buffer.alloc(4_096));
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  } finally {
    await handle.close();
  }
}
