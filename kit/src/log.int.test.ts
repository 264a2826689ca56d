/** Proves what a process that logs writes, and what it hides. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

describe('a log', () => {
  it('is one JSON object a line, says who writes and for which request, and hides secrets', async () => {
    const script = `
      import { createLogger } from ${JSON.stringify(import.meta.resolve('./log.js'))};
      import { enterTrace, runInTrace } from ${JSON.stringify(import.meta.resolve('./trace.js'))};
      const log = createLogger({ service: 'tea', deployment: 'tea-1', instance: 'i', level: 'info' });
      log.debug('not written');
      log.info({ password: 'hunter2', headers: { authorization: 'hunter2', cookie: 'hunter2' }, user: { token: 'hunter2' } }, 'line one');
      runInTrace(enterTrace(undefined, 'r-1'), () => log.error({ err: new Error('why') }, 'line\\ntwo'));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '-e', script], {
      cwd: fileURLToPath(new URL('.', import.meta.url)),
    });
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.equal(lines.length, 2);
    assert.deepEqual(
      [lines[0]!['service'], lines[0]!['level'], lines[0]!['message'], lines[1]!['requestId'], lines[1]!['message']],
      ['tea', 'info', 'line one', 'r-1', 'line\ntwo'],
    );
    assert.ok(!Number.isNaN(Date.parse(String(lines[0]!['time']))));
    assert.equal((lines[1]!['err'] as { message: string }).message, 'why');
    assert.doesNotMatch(stdout, /hunter2/);
  });

  it(
    'that cannot be written ends nothing',
    { skip: existsSync('/dev/full') ? false : 'no /dev/full here' },
    async () => {
      const script = `
      import { createLogger } from ${JSON.stringify(import.meta.resolve('./log.js'))};
      const log = createLogger({ service: 'tea' });
      for (let line = 0; line < 3; line += 1) log.info('not written');
      setImmediate(() => process.stderr.write('alive'));`;
      const shell = `exec "$0" --input-type=module -e "$1" >/dev/full`;
      const { stderr } = await run('/bin/sh', ['-c', shell, process.execPath, script], { timeout: 20_000 });
      assert.equal(stderr, 'alive');
    },
  );
});
