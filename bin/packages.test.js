/** When `npm start` finds that packages have to be installed. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { staleReason } from './packages.js';

const root = mkdtempSync(join(tmpdir(), 'switchyard-packages-'));
after(() => rmSync(root, { recursive: true }));

/** Some packages write one name instead of a list. */
const here = { os: process.platform, cpu: [process.arch] };
const WANTED = {
  '': { name: 'root' },
  kit: { version: '1.0.0' },
  'node_modules/kit': { link: true },
  'node_modules/plain': { version: '1.0.0', integrity: 'sha512-a' },
  'node_modules/own': { version: '1.0.0', integrity: 'sha512-b', optional: true, ...here },
  'node_modules/other': { version: '1.0.0', integrity: 'sha512-c', optional: true, os: ['aix'], cpu: ['mips'] },
};

function write({ lock = WANTED, installed = ['plain', 'own'], hidden = lock }) {
  rmSync(join(root, 'node_modules'), { recursive: true, force: true });
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages: lock }));
  for (const name of installed) {
    mkdirSync(join(root, 'node_modules', name), { recursive: true });
    writeFileSync(join(root, 'node_modules', name, 'package.json'), '{}');
  }
  const names = Object.fromEntries(Object.entries(hidden ?? {}).filter(([path]) => installed.includes(path.slice(13))));
  if (hidden !== null)
    writeFileSync(join(root, 'node_modules/.package-lock.json'), JSON.stringify({ packages: names }));
}

beforeEach(() => write({}));

test('nothing is installed when everything for this platform is there', () => {
  assert.equal(staleReason(root), null);
});

test('a missing folder and an installation that broke off are seen', () => {
  write({ hidden: null });
  assert.match(staleReason(root), /did not finish/);
  rmSync(join(root, 'node_modules'), { recursive: true });
  assert.match(staleReason(root), /first time/);
});

test('a package of another version than the lockfile is seen', () => {
  const lock = { ...WANTED, 'node_modules/plain': { version: '2.0.0', integrity: 'sha512-d' } };
  write({ lock, hidden: WANTED });
  assert.equal(staleReason(root), 'plain is not the version of the lockfile');
});

test('a package that is missing is seen, an optional one when it is for this platform', () => {
  write({ installed: ['own'] });
  assert.equal(staleReason(root), 'plain is missing');
  write({ installed: ['plain'] });
  assert.equal(staleReason(root), 'own is missing');
});

test('a package whose files were removed is seen', () => {
  rmSync(join(root, 'node_modules/plain'), { recursive: true });
  assert.equal(staleReason(root), 'plain is missing');
});
