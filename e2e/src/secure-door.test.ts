/** A yard with a certificate, as its user and a browser meet it: HTTPS, HTTP/2, WebSockets, and a certificate that is replaced. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { startBrowser } from './browser.ts';
import { eventually, freePorts, REPOSITORY, run } from './yard-under-test.ts';

/** Answers pages, and sends short messages of a WebSocket back. */
const SERVICE = `
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
const server = createServer((request, response) => {
  response.setHeader('content-type', 'text/html');
  response.end('<title>' + request.method + ' ' + request.headers['x-forwarded-proto'] + '</title>');
});
server.on('upgrade', (request, socket) => {
  const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n');
  socket.on('data', (frame) => {
    const length = frame[1] & 127, mask = frame.subarray(2, 6), said = frame.subarray(6, 6 + length);
    socket.write(Buffer.concat([Buffer.from([frame[0], length]), said.map((byte, index) => byte ^ mask[index % 4])]));
  });
});
server.listen(process.env.PORT, process.env.HOST);
`;

let folder: string;
let ports: { gateway: number; admin: number; tls: number };
before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'secure-door-'));
  const [registry, gateway, admin, tls, a, b] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  ports = { gateway, admin, tls };
  await mkdir(path.join(folder, 'tls'));
  await makeCertificate('here');
  await writeFile(path.join(folder, 'service.mjs'), SERVICE);
  await writeFile(
    path.join(folder, 'switchyard.yaml'),
    `registry: { port: ${registry} }
gateway: { port: ${gateway}, adminPort: ${admin}, tls: { certificate: tls/here.pem, key: tls/here.key, port: ${tls} } }
services:
  pages: { dir: ., run: node service.mjs, ports: [${a}, ${b}], routes: [/] }
`,
  );
});
after(() => rm(folder, { recursive: true, force: true }));

const yard = (...words: string[]) => run(process.execPath, [path.join(REPOSITORY, 'bin/yard.js'), ...words], folder);

async function makeCertificate(name: string, key = name): Promise<void> {
  const files = ['-keyout', `tls/${key}.key`, '-out', `tls/${name}.pem`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '30'];
  const names = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const { code, stderr } = await run('openssl', ['req', '-x509', ...kind, ...names, ...files], folder);
  assert.equal(code, 0, stderr);
}

const presented = (): Promise<string> =>
  new Promise((resolve, reject) => {
    const at = { port: ports.tls, host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false };
    const socket = connect(at, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on('error', reject);
  });

test('yard check names what is wrong with a certificate', { timeout: 60_000 }, async () => {
  assert.equal((await yard('check')).code, 0);
  const [kept, other] = [path.join(folder, 'tls/kept.key'), path.join(folder, 'tls/here.key')];
  await copyFile(other, kept);
  await makeCertificate('stranger', 'here');
  const { code, stdout } = await yard('check');
  assert.equal(code, 1);
  assert.match(stdout, /gateway\.tls\.key: read "tls\/here\.key"; the file is not the key of the certificate/);
  await copyFile(kept, other);
  assert.equal((await yard('check')).code, 0);
});

test(
  'a browser is served by HTTPS and HTTP/2, its WebSocket included, and a new certificate is taken',
  { timeout: 180_000 },
  async () => {
    const up = await yard('up', '-d');
    assert.equal(up.code, 0, up.stderr + up.stdout);
    const browser = await startBrowser();
    try {
      assert.match(up.stdout + up.stderr, new RegExp(`https://localhost:${ports.tls}`));
      const context = await browser.newContext({ ignoreHTTPSErrors: true });
      const page = await context.newPage();
      // The address without TLS, as somebody types it.
      await page.goto(`http://localhost:${ports.gateway}/a?b=c`);
      assert.equal(page.url(), `https://localhost:${ports.tls}/a?b=c`);
      assert.equal(await page.title(), 'GET https');
      const protocol = await page.evaluate<string>(`performance.getEntriesByType('navigation')[0].nextHopProtocol`);
      assert.equal(protocol, 'h2');
      const posted = await page.evaluate<string>(
        `fetch('/x', { method: 'POST', body: 'y'.repeat(300000) }).then((answer) => answer.text())`,
      );
      assert.match(posted, /POST https/);
      const echoed = await page.evaluate<string>(
        `new Promise((resolve, reject) => {
        const socket = new WebSocket('wss://localhost:${ports.tls}/ws');
        socket.onopen = () => socket.send('hello');
        socket.onmessage = ({ data }) => resolve(data);
        socket.onerror = () => reject(new Error('no WebSocket'));
      })`,
      );
      assert.equal(echoed, 'hello');

      await makeCertificate('next');
      await copyFile(path.join(folder, 'tls/next.key'), path.join(folder, 'tls/here.key'));
      await copyFile(path.join(folder, 'tls/next.pem'), path.join(folder, 'tls/here.pem'));
      await eventually('the new certificate is presented', async () => (await presented()) === 'next');
      // A swap of the gateway hands both doors on.
      const swapped = await yard('swap', 'gateway', '--bake', '1s');
      assert.equal(swapped.code, 0, swapped.stderr + swapped.stdout);
      await page.goto(`https://localhost:${ports.tls}/after`);
      assert.equal(await page.title(), 'GET https');
      assert.equal(await presented(), 'next');
    } finally {
      await browser.close();
      await yard('down');
    }
  },
);
