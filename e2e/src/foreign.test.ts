/** The packed platform, installed in an empty folder, with services that know nothing of Switchyard: one file of Python, one of Node.js. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { eventually, freePorts, processesBelow, REPOSITORY, run } from './yard-under-test.ts';

const PYTHON = `
import http.server, os
class Hello(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        body = ('python of ' + os.environ['DEPLOYMENT_ID'] + ' at ' + self.path).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer((os.environ['HOST'], int(os.environ['PORT'])), Hello).serve_forever()
`;
const NODE = `
import { createServer } from 'node:http';
createServer((request, response) => response.end('node at ' + request.url)).listen(process.env.PORT, process.env.HOST);
`;

let folder: string;
let origin: string;
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'foreign-'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], REPOSITORY);
  assert.equal(packed.code, 0, packed.stderr);
  await writeFile(path.join(folder, 'package.json'), '{"name":"mine","version":"1.0.0","private":true}');
  const tarball = (await run('sh', ['-c', 'ls *.tgz'], folder)).stdout.trim();
  const installed = await run('npm', ['install', '--no-audit', '--no-fund', `./${tarball}`], folder);
  assert.equal(installed.code, 0, installed.stderr);
  const [registry, gateway, admin, a, b, c, d] = await freePorts(7);
  await writeFile(path.join(folder, 'hello.py'), PYTHON);
  await writeFile(path.join(folder, 'hello.mjs'), NODE);
  await writeFile(
    path.join(folder, 'switchyard.yaml'),
    `registry: { port: ${registry} }
gateway: { port: ${gateway}, adminPort: ${admin} }
services:
  snake: { dir: ., run: python3 hello.py, ports: [${a}, ${b}], routes: [/snake], health: /health }
  nodes: { dir: ., run: node hello.mjs, ports: [${c}, ${d}], routes: [/] }
`,
  );
  origin = `http://localhost:${gateway}`;
});
after(() => rm(folder, { recursive: true, force: true }));

const yard = (...words: string[]) => run('npx', ['--no-install', 'yard', ...words], folder);

test(
  'yard runs a Python and a Node.js service in any folder, behind one door, and stops them whole',
  { timeout: 180_000 },
  async () => {
    assert.equal((await yard('check')).code, 0);
    const up = await yard('up', '-d');
    assert.equal(up.code, 0, up.stderr + up.stdout);
    try {
      const text = async (at: string) => (await fetch(origin + at)).text();
      assert.equal(await text('/snake/a?b=1'), 'python of snake-1 at /snake/a?b=1');
      assert.equal(await text('/anything'), 'node at /anything');
      const status = JSON.parse((await yard('status', '--json')).stdout) as {
        services: Record<string, { live: string; instances: { pid: number }[] }>;
      };
      assert.equal(status.services['snake']!.live, 'snake-1');

      process.kill(status.services['snake']!.instances[0]!.pid, 'SIGKILL');
      await eventually('the killed service is back', async () => {
        const now = JSON.parse((await yard('status', '--json')).stdout) as typeof status;
        return (
          now.services['snake']!.instances[0]?.pid !== status.services['snake']!.instances[0]!.pid &&
          (await text('/snake/again')).startsWith('python')
        );
      });

      // What runs is a release: an edit of the working tree changes nothing, a restart either.
      await writeFile(path.join(folder, 'hello.py'), 'raise SystemExit("edited")');
      assert.equal((await yard('restart', 'snake')).code, 0);
      await eventually('the release still answers', async () => (await text('/snake/still')).startsWith('python'));
      assert.match((await yard('logs', 'nodes')).stderr + (await yard('logs', 'snake')).stdout, /./);
    } finally {
      assert.equal((await yard('down')).code, 0);
    }
    assert.deepEqual(await processesBelow(folder), []);
  },
);

test(
  'a taken port, a service that exits at once and a typo each get one clear sentence',
  { timeout: 120_000 },
  async () => {
    const file = path.join(folder, 'switchyard.yaml');
    const good = await readFile(file, 'utf8');
    await writeFile(file, good.replace('routes: [/snake]', 'rout: [/snake]'));
    const typo = await yard('check');
    assert.equal(typo.code, 1);
    assert.match(typo.stdout + typo.stderr, /switchyard\.yaml:4.*rout.*routes/s);

    await writeFile(file, good.replace('python3 hello.py', 'python3 -c "raise SystemExit(\'no flour\')"'));
    const exits = await yard('up', '-d');
    assert.equal(exits.code, 1);
    assert.match(exits.stdout + exits.stderr, /snake/);
    assert.match(exits.stdout + exits.stderr, /no flour/);
    assert.equal((await yard('down')).code, 0);

    const port = Number(/snake:.*ports: \[(\d+)/.exec(good)![1]);
    const squatter = spawn(process.execPath, ['-e', `require('net').createServer().listen(${port}, '127.0.0.1')`], {
      stdio: 'ignore',
    });
    try {
      await writeFile(path.join(folder, 'hello.py'), PYTHON);
      await writeFile(file, good);
      await eventually(
        'the port is taken',
        async () =>
          (
            await run(
              'sh',
              ['-c', `python3 -c "import socket; socket.create_connection(('127.0.0.1', ${port}), 1)"`],
              folder,
            )
          ).code === 0,
      );
      const taken = await yard('up', '-d');
      assert.equal(taken.code, 1);
      assert.match(taken.stdout + taken.stderr, new RegExp(String(port)));
      assert.match(taken.stdout + taken.stderr, new RegExp(String(squatter.pid)));
      assert.equal((await yard('down')).code, 0);
    } finally {
      squatter.kill();
    }
    assert.deepEqual(await processesBelow(folder), []);
  },
);
