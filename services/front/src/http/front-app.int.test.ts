/** The server as a browser meets it: pages, files, headers, and what is refused. */
import assert from 'node:assert/strict';
import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, Server } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { brotliCompressSync, brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import type { Table } from '@switchyard/contracts/registry';
import { closeServer, listen, portOf } from '@switchyard/kit/http/server';
import { createLogger } from '@switchyard/kit/log';
import { ASKED_BY_SIBLING, frontApp } from './front-app.ts';
import { SiblingFiles } from './sibling-files.ts';
import { readWebFiles } from './web-files.ts';

const log = createLogger({ service: 'front', level: 'fatal' });
const PAGE = `<!doctype html><title>the page</title>${' '.repeat(2_000)}`;
const SCRIPT = 'export const built = "new";'.padEnd(3_000, ' ');
const OLD_SCRIPT = 'export const built = "old";';
const NAVIGATION = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };

interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Sends the path as it is written: fetch would tidy it up first. */
function get(port: number, rawPath: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, path: rawPath, method, headers, agent: false, timeout: 5_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts) }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end();
  });
}

let folder: string;
let server: Server;
let port: number;
const opened: Server[] = [];

async function build(name: string, files: Record<string, string>): Promise<string> {
  const directory = path.join(folder, name);
  await mkdir(path.join(directory, 'assets'), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(path.join(directory, file), text);
  return directory;
}

async function serve(
  directory: string,
  deployment: string,
  options: { gatewayPublicUrl?: string; table?: () => Table | null } = {},
): Promise<Server> {
  const siblings = new SiblingFiles({
    readTable: options.table ?? (() => null),
    who: { service: 'front', deployment },
    log,
  });
  const files = await readWebFiles(directory);
  await siblings.fetchAhead(files);
  const app = frontApp({
    files,
    deployment,
    gatewayPublicUrl: options.gatewayPublicUrl,
    log,
    elsewhere: siblings,
  });
  const started = await listen(app, { host: '127.0.0.1', port: 0 });
  opened.push(started);
  return started;
}

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'front-'));
  await writeFile(path.join(folder, 'secret.txt'), 'outside of the build');
  const directory = await build('new', {
    'index.html': PAGE,
    '404.html': '<title>nowhere</title>',
    'favicon.svg': '<svg/>',
    'assets/index-NEW.js': SCRIPT,
    'assets/index-NEW.js.map': '{}',
  });
  await writeFile(path.join(directory, 'assets/index-NEW.js.br'), brotliCompressSync(SCRIPT));
  await writeFile(path.join(directory, 'assets/index-NEW.js.gz'), gzipSync(SCRIPT));
  server = await serve(directory, 'front-3');
  port = portOf(server);
});

after(async () => {
  for (const started of opened) await closeServer(started, 100);
  await rm(folder, { recursive: true, force: true });
});

test('every screen answers the page to a browser that goes there', async () => {
  for (const screen of [
    '/',
    '/sign-in',
    '/posts',
    '/friends/find?query=min',
    '/people/mina',
    '/me',
    '/posts/0198c2a4-7b1e-7c3d-8f00-0123456789ab',
  ]) {
    const { status, headers, body } = await get(port, screen, NAVIGATION);
    assert.equal(status, 200, screen);
    assert.equal(body.toString(), PAGE, screen);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-cache');
  }
});

test('an unknown path is a 404: a page for browsers, a problem for programs', async () => {
  const page = await get(port, '/nowhere', NAVIGATION);
  assert.equal(page.status, 404);
  assert.match(page.body.toString(), /nowhere/);
  const problem = await get(port, '/nowhere', { accept: 'application/json' });
  assert.equal(problem.status, 404);
  assert.equal(problem.headers['content-type'], 'application/problem+json; charset=utf-8');
  assert.equal(JSON.parse(problem.body.toString()).code, 'REQUEST_NO_ROUTE');
});

test('a missing file is a 404, never the page, whatever is accepted', async () => {
  for (const missing of [
    '/assets/index-OLD.js',
    '/assets/',
    '/assets',
    '/assets/index-NEW.js.map',
    '/robots2.txt',
    '/index.html',
    '/config.js',
  ]) {
    for (const headers of [NAVIGATION, { accept: '*/*', 'sec-fetch-dest': 'script' }]) {
      const { status, body } = await get(port, missing, headers);
      assert.equal(status, 404, missing);
      assert.ok(!body.toString().includes('the page'), missing);
    }
  }
});

test('a script that asks for a screen does not get the page', async () => {
  assert.equal((await get(port, '/posts', { accept: '*/*', 'sec-fetch-dest': 'empty' })).status, 404);
});

test('no path leads out of the build', async () => {
  for (const escape of [
    '/../secret.txt',
    '/assets/../../secret.txt',
    '/..%2fsecret.txt',
    '/%2e%2e/secret.txt',
    '/assets/..%5c..%5csecret.txt',
    '/assets/%2e%2e%2f%2e%2e%2fsecret.txt',
    '/assets/index-NEW.js%00.html',
    '//secret.txt',
    '/assets/%c0%ae%c0%ae/secret.txt',
    '/%',
  ]) {
    const { status, body } = await get(port, escape, NAVIGATION);
    assert.ok(status === 404 || status === 400, `${escape} ${status}`);
    assert.ok(!body.toString().includes('outside of the build'), escape);
  }
});

test('content-named files are kept for a year, in the best encoding that the browser takes', async () => {
  const plain = await get(port, '/assets/index-NEW.js');
  assert.equal(plain.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal(plain.headers['content-type'], 'text/javascript; charset=utf-8');
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.equal(plain.headers.vary, 'accept-encoding');
  assert.equal(plain.body.toString(), SCRIPT);
  const brotli = await get(port, '/assets/index-NEW.js', { 'accept-encoding': 'gzip, deflate, br' });
  assert.equal(brotli.headers['content-encoding'], 'br');
  assert.equal(brotliDecompressSync(brotli.body).toString(), SCRIPT);
  const gzip = await get(port, '/assets/index-NEW.js', { 'accept-encoding': 'gzip;q=1, br;q=0' });
  assert.equal(gzip.headers['content-encoding'], 'gzip');
  assert.equal(gunzipSync(gzip.body).toString(), SCRIPT);
  assert.notEqual(brotli.headers.etag, gzip.headers.etag);
});

test('a file that has not changed is answered by 304 without a body', async () => {
  const { headers } = await get(port, '/', NAVIGATION);
  const again = await get(port, '/', { ...NAVIGATION, 'if-none-match': headers.etag! });
  assert.equal(again.status, 304);
  assert.equal(again.body.length, 0);
  assert.equal(again.headers.etag, headers.etag);
  assert.equal((await get(port, '/', { ...NAVIGATION, 'if-none-match': '"other"' })).status, 200);
});

test('HEAD answers what GET would, without the body', async () => {
  for (const url of ['/', '/assets/index-NEW.js', '/favicon.svg', '/config.json']) {
    const got = await get(port, url, NAVIGATION);
    const head = await get(port, url, NAVIGATION, 'HEAD');
    assert.equal(head.status, got.status, url);
    assert.equal(head.body.length, 0, url);
    assert.equal(head.headers['content-length'], got.headers['content-length'], url);
    assert.equal(head.headers.etag, got.headers.etag, url);
  }
});

test('other methods are refused', async () => {
  const { status, body, headers } = await get(port, '/', {}, 'POST');
  assert.equal(status, 405);
  assert.equal(headers.allow, 'GET, HEAD');
  assert.equal(JSON.parse(body.toString()).code, 'REQUEST_METHOD_NOT_ALLOWED');
});

test('every answer, errors included, carries a strict policy and the other safety headers', async () => {
  for (const url of ['/', '/assets/index-NEW.js', '/config.json', '/nowhere', '/assets/none.js', '/%']) {
    const { headers } = await get(port, url, { 'x-forwarded-host': 'localhost:8000' });
    assert.equal(
      headers['content-security-policy'],
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
      url,
    );
    assert.equal(headers['x-content-type-options'], 'nosniff', url);
    assert.equal(headers['referrer-policy'], 'same-origin', url);
    assert.equal(headers['cross-origin-opener-policy'], 'same-origin', url);
    assert.match(headers['permissions-policy'] as string, /camera=\(\)/, url);
    assert.equal(headers['x-powered-by'], undefined, url);
  }
});

test('the page learns where the gateway is: its own origin through it, another origin without', async () => {
  const through = await get(port, '/config.json', { 'x-forwarded-host': 'yard.example' });
  assert.deepEqual(JSON.parse(through.body.toString()), { gatewayUrl: '', deployment: 'front-3' });
  assert.equal(through.headers['cache-control'], 'no-store');
  const direct = await get(port, '/config.json', { host: 'localhost:3333' });
  assert.deepEqual(JSON.parse(direct.body.toString()), { gatewayUrl: 'http://localhost:8000', deployment: 'front-3' });
});

test('the policy lets the page call that gateway and nothing else', async () => {
  const { headers } = await get(port, '/', { ...NAVIGATION, host: '192.168.0.7:3333' });
  assert.match(headers['content-security-policy'] as string, /connect-src 'self' http:\/\/192\.168\.0\.7:8000;/);
  const given = await serve(path.join(folder, 'new'), 'front-4', { gatewayPublicUrl: 'https://yard.example' });
  const policy = (await get(portOf(given), '/', NAVIGATION)).headers['content-security-policy'] as string;
  assert.match(policy, /connect-src 'self' https:\/\/yard\.example;/);
});

test('a page of the deployment before still gets its script, from the deployment before', async () => {
  const old = await serve(
    await build('old', { 'index.html': '<title>old</title>', 'assets/index-OLD.js': OLD_SCRIPT }),
    'front-2',
  );
  const table = tableWith({ 'front-2': portOf(old), 'front-3': port });
  const fresh = await serve(path.join(folder, 'new'), 'front-3', { table: () => table });
  const found = await get(portOf(fresh), '/assets/index-OLD.js');
  assert.equal(found.status, 200);
  assert.equal(found.body.toString(), OLD_SCRIPT);
  assert.equal(found.headers['cache-control'], 'public, max-age=31536000, immutable');
  assert.equal((await get(portOf(fresh), '/assets/index-NOBODY.js')).status, 404);
  await closeServer(old, 100);
  assert.equal((await get(portOf(fresh), '/assets/index-OLD.js')).status, 200, 'kept once it was found');
  assert.equal((await get(portOf(fresh), '/assets/index-OTHER.js')).status, 404, 'a sibling that is gone is no error');
});

test('a page that is open keeps its files after its deployment was stopped, also over the next swap and from other sources', async () => {
  const deployments: Record<string, number> = {};
  const table = () => tableWith(deployments);
  let before: Server | null = null;
  for (const deployment of ['front-7', 'front-8', 'front-9']) {
    const files = { 'index.html': deployment, [`assets/index-${deployment}.js`]: `// ${deployment}` };
    const next = await serve(await build(deployment, files), deployment, { table });
    if (before !== null) await closeServer(before, 100);
    for (const id of Object.keys(deployments)) delete deployments[id];
    deployments[deployment] = portOf(next);
    before = next;
  }
  const last = deployments['front-9']!;
  for (const deployment of ['front-7', 'front-8', 'front-9'])
    assert.equal((await get(last, `/assets/index-${deployment}.js`)).body.toString(), `// ${deployment}`);
});

test('which files there are is told to siblings alone', async () => {
  const list = await get(port, '/assets/', { [ASKED_BY_SIBLING]: '1' });
  assert.deepEqual(JSON.parse(list.body.toString()), ['/assets/index-NEW.js']);
  assert.equal((await get(port, '/assets/')).status, 404);
});

test('two deployments that both lack a file do not ask each other in circles', async () => {
  const known: Record<string, number> = {};
  const table = () => tableWith(known);
  const one = await serve(path.join(folder, 'new'), 'front-5', { table });
  const two = await serve(path.join(folder, 'new'), 'front-6', { table });
  known['front-5'] = portOf(one);
  known['front-6'] = portOf(two);
  assert.equal((await get(portOf(one), '/assets/index-NOBODY.js')).status, 404);
});

test('a folder without a build is refused with what to do', async () => {
  await assert.rejects(readWebFiles(path.join(folder, 'nothing')), /npm run build/);
});

test('the instance header is left to the kit', async () => {
  assert.equal((await get(port, '/', NAVIGATION)).headers[INSTANCE_HEADER], undefined);
});

function tableWith(deployments: Record<string, number>): Table {
  const entries = Object.entries(deployments).map(([id, at]) => [
    id,
    {
      version: '',
      side: null,
      routes: [],
      instances: [
        {
          id: `${id}-i`,
          host: '127.0.0.1',
          port: at,
          endpoints: {},
          status: 'UP' as const,
          weight: 1,
          zone: '',
          metadata: {},
        },
      ],
    },
  ]);
  return {
    epoch: 1,
    revision: 1,
    services: {
      front: { declared: true, live: null, standby: null, split: null, deployments: Object.fromEntries(entries) },
    },
  };
}
