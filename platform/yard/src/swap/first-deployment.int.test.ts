/** The swap of a service of which nothing has ever been live. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { until, YardFixture } from '../supervisor/yard-fixture.ts';

/** Ends at once without the file `may-start`; says of itself that it is not well while there is `unwell`. */
const SERVER = (root: string, text: string) => `
const { existsSync } = require('node:fs');
const is = (name) => existsSync(${JSON.stringify(root)} + '/' + name);
if (!is('may-start')) process.exit(1);
require('node:http').createServer((request, response) => {
  response.statusCode = request.url === '/health' && is('unwell') ? 503 : 200;
  response.end(${JSON.stringify(text)});
}).listen(process.env.PORT, '127.0.0.1');
`;

describe('a service that could not be started', { timeout: 120_000 }, () => {
  it('goes on trying by itself when its first swap is given up, and goes live', async () => {
    const entry = { run: 'node main.js', health: '/health', bake: '0s', startTimeout: '3s' };
    const yard = await YardFixture.make({ web: { files: {}, entry, route: '/' } });
    try {
      await yard.write('web', { 'main.js': SERVER(yard.root, 'first') });
      assert.notEqual((await yard.yard(['up', '-d'])).code, 0);

      await writeFile(join(yard.root, 'may-start'), '');
      await writeFile(join(yard.root, 'unwell'), '');
      await yard.write('web', { 'main.js': SERVER(yard.root, 'second') });
      assert.equal((await yard.yard(['swap', 'web'])).code, 3);
      assert.equal((await yard.status()).services['web']!.live, null);

      await rm(join(yard.root, 'unwell'));
      await until(async () => (await yard.get('/')).status === 200, 'it is live by itself');
      assert.equal((await yard.get('/')).text, 'second');
      assert.equal((await yard.status()).services['web']!.instances.length, 1);
    } finally {
      await yard.cleanUp();
    }
  });
});
