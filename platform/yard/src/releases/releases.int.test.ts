/** Releases of real folders: what they hold, that nothing changes them, and what happens when the making of one is cut short. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { it } from 'node:test';
import { entryFingerprint } from './release.ts';
import type { ReleaseEntry } from './release.ts';
import { KEPT_PER_SERVICE, Releases } from './releases.ts';

const entry: ReleaseEntry = {
  run: 'node main.js',
  env: {},
  ports: [3010, 3020],
  instances: 1,
  startTimeoutMs: 30_000,
  stopGraceMs: 10_000,
};

type Files = Readonly<Record<string, string>>;

async function write(root: string, files: Files): Promise<void> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

async function using(
  files: Files,
  work: (under: { root: string; releases: Releases; state: string }) => Promise<void>,
): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), 'yard-releases-'));
  const state = join(root, '.yard');
  const folders = { releases: join(state, 'releases'), store: join(state, 'store') };
  try {
    await write(root, files);
    await work({ root, releases: new Releases(folders), state });
  } finally {
    await rm(root, { recursive: true });
  }
}

const madeAt = new Date(0);
const json = (value: unknown) => JSON.stringify(value);

/** A workspace: the service uses `kit`, which uses `leaf`, which has a dependency of its own that others have in another version. */
const WORKSPACE: Files = {
  'package.json': json({ workspaces: ['kit', 'services/*'] }),
  'services/users/package.json': json({
    name: 'users',
    type: 'module',
    dependencies: { kit: '1', pg: '1' },
    devDependencies: { tool: '1' },
  }),
  'services/users/main.js': `import { kit } from 'kit'; import pg from 'pg'; console.log(kit, pg);`,
  'services/users/node_modules/pg/package.json': json({ name: 'pg', main: 'index.js' }),
  'services/users/node_modules/pg/index.js': `module.exports = 'pg of users';`,
  'kit/package.json': json({ name: 'kit', type: 'module', main: 'kit.js', dependencies: { leaf: '1' } }),
  'kit/kit.js': `import leaf from 'leaf'; export const kit = 'kit, ' + leaf;`,
  'node_modules/leaf/package.json': json({
    name: 'leaf',
    main: 'index.js',
    bin: 'cli.js',
    dependencies: { twig: '2' },
  }),
  'node_modules/leaf/index.js': `module.exports = 'leaf, ' + require('twig');`,
  'node_modules/leaf/cli.js': `#!/usr/bin/env node\n`,
  'node_modules/leaf/node_modules/twig/package.json': json({ name: 'twig', main: 'index.js' }),
  'node_modules/leaf/node_modules/twig/index.js': `module.exports = 'twig 2';`,
  'node_modules/twig/package.json': json({ name: 'twig', main: 'index.js' }),
  'node_modules/twig/index.js': `module.exports = 'twig 1';`,
  'node_modules/tool/package.json': json({ name: 'tool' }),
};

const run = (cwd: string): string => execFileSync(process.execPath, ['main.js'], { cwd, encoding: 'utf8' }).trim();

it('a release of a workspace runs alone, whatever becomes of the tree and of node_modules', () =>
  using(WORKSPACE, async ({ root, releases }) => {
    await symlink('../kit', join(root, 'node_modules/kit'));
    const dir = join(root, 'services/users');
    const snapshot = await releases.inspect({ service: 'users', dir, within: root, entry });
    assert.deepEqual(snapshot.closure.workspace, ['kit']);
    assert.deepEqual(snapshot.closure.thirdParty, [
      'node_modules/leaf',
      'node_modules/leaf/node_modules/twig',
      'services/users/node_modules/pg',
    ]);
    const release = await releases.make(snapshot, { deployment: 'users-1', side: 'blue', madeAt });
    const expected = 'kit, leaf, twig 2 pg of users';
    assert.equal(run(release.cwd), expected);
    await write(root, {
      'services/users/main.js': 'process.exit(1)',
      'kit/kit.js': 'broken(',
      'node_modules/leaf/index.js': 'broken(',
    });
    assert.equal(run(release.cwd), expected);
    for (const gone of ['services', 'kit', 'node_modules']) await rm(join(root, gone), { recursive: true });
    assert.equal(run(release.cwd), expected);
    assert.deepEqual(await readdir(release.bin), ['leaf']);
    assert.deepEqual(await releases.find('users-1'), release);
  }));

it('the same content has the same fingerprint whenever it was written; every kind of edit changes it', () =>
  using(WORKSPACE, async ({ root, releases }) => {
    await symlink('../kit', join(root, 'node_modules/kit'));
    const dir = join(root, 'services/users');
    const fingerprint = async (more: Partial<ReleaseEntry> = {}) =>
      (await releases.inspect({ service: 'users', dir, within: root, entry: { ...entry, ...more } })).fingerprint;
    const first = await fingerprint();
    await write(root, { 'services/users/main.js': WORKSPACE['services/users/main.js']! });
    assert.equal(await fingerprint(), first);
    assert.equal(await fingerprint({ env: {} }), first);
    assert.notEqual(await fingerprint({ env: { A: '1' } }), first);
    assert.notEqual(await fingerprint({ run: 'node other.js' }), first);
    assert.notEqual(await fingerprint({ migrate: 'node migrate.js' }), first);
    assert.notEqual(await fingerprint({ contract: 'x' }), await fingerprint({ migrate: 'x' }));
    for (const path of ['services/users/main.js', 'kit/kit.js', 'node_modules/leaf/index.js']) {
      const before = await fingerprint();
      // As long as what it replaces: neither the size nor npm's constant time of modification would tell.
      const same = 'x'.repeat(WORKSPACE[path]!.length);
      await write(root, { [path]: same });
      assert.notEqual(await fingerprint(), before, path);
    }
  }));

it('a service without hooks has the fingerprint that it had before there were hooks', () => {
  assert.equal(entryFingerprint(entry), 'fa81f79667ef64331d0ce394f47db3ed88b6302eeb2d1f546397ec4b81c99028');
});

it('a folder without package.json is copied as it is, but for .git, .yard and what Python caches', () =>
  using(
    {
      'switchyard.yaml': '',
      'app.py': 'print(1)',
      'sub/data.txt': 'x',
      '.git/HEAD': 'x',
      '__pycache__/app.pyc': 'x',
      'node_modules/thing/index.js': '1',
    },
    async ({ root, releases }) => {
      await symlink('sub/data.txt', join(root, 'inside'));
      await symlink(join(root, 'sub'), join(root, 'absolute'));
      await symlink('/etc/hostname', join(root, 'outside'));
      const snapshot = await releases.inspect({ service: 'py', dir: root, within: root, entry });
      const release = await releases.make(snapshot, { deployment: 'py-1', side: 'green', madeAt });
      assert.deepEqual((await readdir(release.cwd)).sort(), [
        'absolute',
        'app.py',
        'inside',
        'node_modules',
        'outside',
        'sub',
        'switchyard.yaml',
      ]);
      assert.equal(await readlink(join(release.cwd, 'inside')), 'sub/data.txt');
      assert.equal(await readlink(join(release.cwd, 'absolute')), 'sub');
      assert.equal(await readlink(join(release.cwd, 'outside')), '/etc/hostname');
      assert.equal(release.storeKey, null);
      assert.equal(release.side, 'green');
      // What the yard itself writes below the folder is not a change of the service.
      const again = await releases.inspect({ service: 'py', dir: root, within: root, entry });
      assert.equal(again.fingerprint, snapshot.fingerprint);
    },
  ));

it('the command itself is not among the packages of a service that lies beside it', () =>
  using(
    {
      'package.json': json({ dependencies: { switchyard: '1', express: '1' } }),
      'node_modules/switchyard/package.json': json({ name: 'switchyard', dependencies: { express: '1' } }),
      'node_modules/express/package.json': json({ name: 'express' }),
    },
    async ({ root, releases }) => {
      const { closure } = await releases.inspect({ service: 'web', dir: root, within: root, entry });
      assert.deepEqual(closure.thirdParty, ['node_modules/express']);
    },
  ));

it('a part of the platform that was installed inside a package finds its packages from its release', () =>
  using(
    {
      'node_modules/switchyard/node_modules/@s/registry/package.json': json({
        name: '@s/registry',
        dependencies: { leaf: '1' },
      }),
      'node_modules/switchyard/node_modules/@s/registry/main.js': `console.log(require('leaf'));`,
      'node_modules/switchyard/node_modules/leaf/package.json': json({ name: 'leaf', main: 'index.js' }),
      'node_modules/switchyard/node_modules/leaf/index.js': `module.exports = 'leaf';`,
    },
    async ({ root, releases }) => {
      const dir = join(root, 'node_modules/switchyard/node_modules/@s/registry');
      const snapshot = await releases.inspect({ service: 'registry', dir, within: root, entry });
      const release = await releases.make(snapshot, { deployment: 'registry-1', side: 'blue', madeAt });
      await rm(join(root, 'node_modules'), { recursive: true });
      assert.equal(run(release.cwd), 'leaf');
    },
  ));

it('packages laid out by pnpm find each other in the store', () =>
  using(
    {
      'package.json': json({ dependencies: { leaf: '1' } }),
      'main.js': `console.log(require('leaf'));`,
      'node_modules/.pnpm/leaf@1/node_modules/leaf/package.json': json({
        name: 'leaf',
        main: 'index.js',
        dependencies: { twig: '1' },
      }),
      'node_modules/.pnpm/leaf@1/node_modules/leaf/index.js': `module.exports = 'leaf, ' + require('twig');`,
      'node_modules/.pnpm/twig@1/node_modules/twig/package.json': json({ name: 'twig', main: 'index.js' }),
      'node_modules/.pnpm/twig@1/node_modules/twig/index.js': `module.exports = 'twig';`,
    },
    async ({ root, releases }) => {
      await symlink('.pnpm/leaf@1/node_modules/leaf', join(root, 'node_modules/leaf'));
      await symlink('../../twig@1/node_modules/twig', join(root, 'node_modules/.pnpm/leaf@1/node_modules/twig'));
      const snapshot = await releases.inspect({ service: 'web', dir: root, within: root, entry });
      const release = await releases.make(snapshot, { deployment: 'web-1', side: 'blue', madeAt });
      await rm(join(root, 'node_modules'), { recursive: true });
      assert.equal(run(release.cwd), 'leaf, twig');
    },
  ));

it('the newest releases are kept, and those that are live or standby; packages nobody uses are removed', () =>
  using(
    {
      'package.json': json({ dependencies: { leaf: '1' } }),
      'node_modules/leaf/package.json': json({ name: 'leaf' }),
      'node_modules/leaf/index.js': '0',
    },
    async ({ root, releases, state }) => {
      const made = KEPT_PER_SERVICE + 3;
      for (let number = 1; number <= made; number += 1) {
        await write(root, { 'node_modules/leaf/index.js': String(number) });
        const snapshot = await releases.inspect({ service: 'web', dir: root, within: root, entry });
        await releases.make(snapshot, { deployment: `web-${number}`, side: 'blue', madeAt });
      }
      assert.deepEqual((await releases.prune(new Set(['web-1']))).sort(), ['web-2', 'web-3']);
      const kept = (await releases.of('web')).map((release) => release.deployment);
      assert.deepEqual(kept, ['web-1', 'web-4', 'web-5', 'web-6', 'web-7', 'web-8']);
      assert.equal((await readdir(join(state, 'store'))).length, kept.length);
    },
  ));

it('what an interrupted copy left is no release, and is removed', () =>
  using({ 'app.py': '' }, async ({ root, releases, state }) => {
    await write(state, {
      'releases/.making-1/tree/app.py': '',
      'releases/py-9/tree/app.py': '',
      'store/.making-2/x': '',
    });
    assert.deepEqual(await releases.of('py'), []);
    assert.equal(await releases.find('py-9'), null);
    const snapshot = await releases.inspect({ service: 'py', dir: root, within: root, entry });
    await releases.make(snapshot, { deployment: 'py-9', side: 'blue', madeAt });
    await releases.prune(new Set());
    assert.deepEqual(await readdir(join(state, 'releases')), ['py-9']);
    assert.deepEqual(await readdir(join(state, 'store')), []);
    assert.equal(await readFile(join(state, 'releases/py-9/tree/app.py'), 'utf8'), '');
  }));
