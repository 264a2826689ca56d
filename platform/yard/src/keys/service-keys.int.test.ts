/** The operator's token as a file that anything may have happened to. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { operatorToken } from './service-keys.ts';

it('an operator token that no header can carry is refused by name; none, or an empty file, is made anew', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'yard-keys-'));
  try {
    const file = join(folder, 'operator.token');
    const token = await operatorToken(file);
    assert.equal(await operatorToken(file), token);
    for (const damage of ['\u0000\u00ff{', 'two words', `${token}\nmore`]) {
      await writeFile(file, damage);
      await assert.rejects(operatorToken(file), /operator\.token is not a token/);
    }
    await writeFile(file, '');
    assert.notEqual(await operatorToken(file), token);
  } finally {
    await rm(folder, { recursive: true });
  }
});
