/** Files of the yard cut off at any byte: what was live last is live again, never nothing, and what was lost is said. */
import assert from 'node:assert/strict';
import { copyFile, cp, mkdir, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { ProbeYard } from '../traffic/probe-yard.ts';
import { startTraffic } from '../traffic/traffic.ts';
import { eventually } from '../yard-under-test.ts';
import { answeredBy, begin, ends, journals, liveOf, nothingIsLeft, tableOf } from './asked-swap.ts';

/** Of mulberry32: the same cuts in each run. */
const random = (() => {
  let state = 20_261_122;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
})();

let yard: ProbeYard;
const at = (name: string) => path.join(yard.folder, '.yard', name);

before(async () => {
  yard = await ProbeYard.create({ more: { bake: '1s', stopGrace: '1s' } });
  await yard.up();
  for (const _ of [1, 2]) await ends(0, yard, 'swap', 'probe', '--bake', '0s');
});
after(() => yard.remove());

/** Cuts a file off at a random byte, which may be its first. Answers how much is left. */
async function tear(name: string): Promise<number> {
  const file = at(name);
  const { length } = await readFile(file);
  const left = Math.floor(random() * length);
  await truncate(file, left);
  return left;
}

async function down(): Promise<void> {
  const { code, stdout, stderr } = await yard.yard('down');
  assert.equal(code, 0, stdout + stderr);
}

/** `kill -9` of both, as when the machine loses its memory but not its services. */
async function killSupervisorAndRegistry(): Promise<void> {
  const { supervisor, registry } = await yard.status();
  const pids = [supervisor!.pid, ...registry.instances.map(({ pid }) => pid)];
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await eventually('both are gone', async () => (await yard.yard('status', '--json')).code !== null && !(await isUp()));
}

async function isUp(): Promise<boolean> {
  return fetch(`${yard.registryOrigin}/health/live`, { signal: AbortSignal.timeout(1_000) }).then(
    () => true,
    () => false,
  );
}

/** Up again: the same deployment is live, and answers. Answers what was said, to whoever asked and in the logs. */
async function isLiveAgain(live: string): Promise<string> {
  const before = await logs();
  const { code, stdout, stderr } = await yard.yard('up', '-d');
  assert.equal(code, 0, stdout + stderr);
  const table = await tableOf(yard);
  assert.deepEqual(Object.keys(table.services), ['probe']);
  assert.equal(table.services['probe']!.live, live);
  assert.equal((await yard.status()).services['probe']!.live, live);
  assert.equal(await eventually('it answers', () => answeredBy(yard)), live);
  const said = [...(await logs())].map(([name, text]) => text.slice(before.get(name)?.length ?? 0));
  return [stdout, stderr, ...said].join('\n');
}

/** Of yard and registry, by file. */
async function logs(): Promise<Map<string, string>> {
  const names = ['yard/yard.log', ...(await readdir(at('logs/registry'))).map((name) => `registry/${name}`)];
  const read = names.map(async (name) => [name, await readFile(at(`logs/${name}`), 'utf8')] as const);
  return new Map(await Promise.all(read));
}

const STATES: readonly (readonly string[])[] = [
  ['state.json'],
  ['state.json', 'state.json.previous'],
  ['registry/live.json'],
  ['registry/live.copy.json'],
  ['registry/live.json', 'state.json'],
];

for (const torn of STATES) {
  test(`${torn.join(' and ')} cut off while the yard is down`, { timeout: 60_000 }, async () => {
    const live = (await liveOf(yard))!;
    await down();
    for (const name of torn) await tear(name);
    const said = await isLiveAgain(live);
    assert.match(said, /damaged|torn|cut off|cannot be read/, said.slice(-2_000));
    await nothingIsLeft(yard);
  });

  test(`${torn.join(' and ')} cut off while supervisor and registry are killed`, { timeout: 60_000 }, async () => {
    const live = (await liveOf(yard))!;
    const traffic = startTraffic({ origin: yard.origin, prefix: '/probe', streams: 1, sockets: 1 });
    try {
      await killSupervisorAndRegistry();
      for (const name of torn) await tear(name);
      const said = await isLiveAgain(live);
      assert.match(said, /damaged|torn|cut off|cannot be read/, said.slice(-2_000));
      await nothingIsLeft(yard);
    } finally {
      const { failures } = await traffic.stop();
      assert.deepEqual(failures, []);
    }
  });
}

test(
  'every file of the registry cut off: it does not begin with nothing, but says what to do',
  { timeout: 90_000 },
  async () => {
    const live = (await liveOf(yard))!;
    await down();
    const kept = path.join(yard.folder, 'kept-registry');
    await cp(at('registry'), kept, { recursive: true });
    for (const name of ['registry/live.json', 'registry/live.copy.json']) await tear(name);
    const { code, stdout, stderr } = await yard.yard('up', '-d');
    assert.notEqual(code, 0, 'an empty table was served');
    assert.match(stdout + stderr, /state in .* cannot be read/);
    await down();
    await rm(at('registry'), { recursive: true });
    await cp(kept, at('registry'), { recursive: true });
    await isLiveAgain(live);
  },
);

test(
  'the last line of a journal cut off: the swap is undone or finished all the same, and one deployment is live',
  { timeout: 120_000 },
  async () => {
    for (const stage of ['spawned', 'warm', 'committed', 'drained']) {
      const swap = begin(yard, 'swap', 'probe', '--bake', '1s', '--hold-at', stage);
      await swap.stage(stage);
      const { from, to } = (await swap.stage('built')).services['probe']!;
      const { supervisor } = await yard.status();
      process.kill(supervisor!.pid, 'SIGKILL');
      await swap.ended;
      const [name] = await journals(yard);
      const lines = (await readFile(at(`journal/${name}`), 'utf8')).trimEnd().split('\n');
      const last = lines.at(-1)!;
      const cut = Math.floor(random() * last.length);
      await writeFile(at(`journal/${name}`), `${lines.slice(0, -1).join('\n')}\n${last.slice(0, cut)}`);
      await ends(0, yard, 'resume');
      await eventually('nothing goes on any more', async () => (await journals(yard)).length === 0);
      const live = (await liveOf(yard))!;
      // What was decided before the line that is lost stays decided.
      if (stage === 'committed' || stage === 'drained') assert.equal(live, to, stage);
      else assert.equal(live, from, stage);
      assert.equal(await answeredBy(yard), live);
      await nothingIsLeft(yard);
    }
  },
);

test(
  'the state of the yard lost whole after a rollback: what was gone back to is live, not the newest',
  { timeout: 60_000 },
  async () => {
    await ends(0, yard, 'swap', 'probe', '--bake', '0s');
    await ends(0, yard, 'rollback', 'probe');
    const live = (await liveOf(yard))!;
    await down();
    for (const name of ['state.json', 'state.json.previous']) await tear(name);
    await isLiveAgain(live);
  },
);

test(
  'a journal of which no line is whole: what is live stays, and where the file is kept is said',
  { timeout: 60_000 },
  async () => {
    const live = (await liveOf(yard))!;
    const swap = begin(yard, 'swap', 'probe', '--hold-at', 'healthy');
    await swap.stage('healthy');
    const { supervisor } = await yard.status();
    process.kill(supervisor!.pid, 'SIGKILL');
    await swap.ended;
    const [name] = await journals(yard);
    await truncate(at(`journal/${name}`), 40);
    const said = await isLiveAgain(live);
    assert.match(said, /has no line that is whole; it is kept as .*\.damaged/);
    await eventually('the candidate is gone', async () => {
      await nothingIsLeft(yard);
      return true;
    });
  },
);

test(
  'a history that is cut off keeps its other lines, and the next swap is told in it',
  { timeout: 60_000 },
  async () => {
    const read = async () => (await yard.yard('history', '--json')).stdout.split('\n').filter((line) => line !== '');
    const before = await read();
    const content = await readFile(at('history.jsonl'), 'utf8');
    await mkdir(path.join(yard.folder, 'kept'));
    await copyFile(at('history.jsonl'), path.join(yard.folder, 'kept', 'history.jsonl'));
    const lastAt = content.trimEnd().lastIndexOf('\n') + 1;
    await truncate(at('history.jsonl'), lastAt + 1 + Math.floor(random() * (content.length - lastAt - 2)));
    assert.deepEqual(await read(), before.slice(0, -1));
    const { report } = await ends(0, yard, 'swap', 'probe', '--bake', '0s');
    const after = await read();
    assert.deepEqual(after.slice(0, -1), before.slice(0, -1));
    assert.equal((JSON.parse(after.at(-1)!) as { id: string }).id, report!.id);
    await tear('history.jsonl');
    await down();
    await isLiveAgain(report!.services['probe']!.to!);
  },
);
