/** The lock of a yard when its file is not what it was. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { SupervisorLock } from './supervisor-lock.ts';

it('a damaged lock file locks nobody out', () => {
  const folder = mkdtempSync(join(tmpdir(), 'yard-lock-'));
  try {
    const file = join(folder, 'supervisor.lock');
    for (const damage of ['\u0000 garbage {', 'x'.repeat(5_000), '']) {
      writeFileSync(file, damage);
      const lock = SupervisorLock.take(file);
      assert.ok(lock !== null);
      lock.release();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
