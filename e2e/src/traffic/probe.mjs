/**
 * A service of plain Node.js that knows nothing of who runs it, for tests of swaps: one path for each kind of traffic, each answer
 * with the deployment that gave it. What it gets wrong is written in probe.json beside it, or in PROBE_SETTINGS, as JSON:
 * see ProbeSettings in probe-files.ts.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { Server } from 'node:net';

const deployment = process.env.DEPLOYMENT_ID ?? 'probe-1';
const settings = {
  countsFile: process.env.PROBE_COUNTS ?? 'counts.log',
  bootMs: 0,
  crashesAtBoot: false,
  healthStatus: 200,
  exitsAfterHealthyMs: null,
  onStop: 'exit',
  failsAfterMs: null,
  failsAfterRequests: null,
  failsEvery: null,
  slowMs: 0,
  headers: {},
  ...readSettings(new URL('probe.json', import.meta.url)),
  ...JSON.parse(process.env.PROBE_SETTINGS ?? '{}'),
};
if (settings.crashesAtBoot) {
  console.error(`${deployment} cannot start: the flour is missing`);
  process.exit(1);
}

/** Both deployments append to the same file; a line of O_APPEND is written whole. */
const counts = openSync(settings.countsFile, 'a');
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** Ends one open event stream or WebSocket in the way of its protocol. */
const openEnds = new Set();
let requests = 0;
let startedAt = Infinity;
let isStopping = false;

const ROUTES = {
  get: (request, response, query) => answer(response, 200, { n: query.get('n'), deployment }),
  headers: (request, response) => answer(response, 200, { headers: request.headers, deployment }),
  post: count,
  slow: answerSlowly,
  upload: weigh,
  stream: streamEvents,
  counted: (request, response) => createReadStream(settings.countsFile).pipe(response),
};

const server = createServer((request, response) => {
  const url = new URL(request.url, 'http://probe');
  response.setHeader('x-deployment', deployment);
  for (const [name, value] of Object.entries(settings.headers)) response.setHeader(name, value);
  if (isStopping) response.setHeader('connection', 'close');
  if (url.pathname === '/health') return answerHealth(response);
  const route = ROUTES[url.pathname.slice(url.pathname.lastIndexOf('/') + 1)];
  if (route === undefined) return answer(response, 404, { error: 'no such path' });
  requests += 1;
  if (isBroken()) return answer(response, 500, { error: 'broken on purpose' });
  if (settings.slowMs === 0) return route(request, response, url.searchParams);
  setTimeout(() => route(request, response, url.searchParams), settings.slowMs);
});

setTimeout(() => {
  server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '127.0.0.1', () => {
    startedAt = performance.now();
    console.log(`${deployment} listens`);
    process.send?.('ready');
  });
}, settings.bootMs);
// Its own default of Node.js is to end at once, for either signal.
if (settings.onStop === 'ignore') process.on('SIGTERM', () => {});
if (settings.onStop === 'graceful') process.on('SIGTERM', stopGracefully).on('SIGINT', stopGracefully);

function readSettings(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

function isBroken() {
  const { failsAfterMs, failsAfterRequests, failsEvery } = settings;
  return (
    (failsAfterMs !== null && performance.now() - startedAt >= failsAfterMs) ||
    (failsAfterRequests !== null && requests > failsAfterRequests) ||
    (failsEvery !== null && requests % failsEvery === 0)
  );
}

function answer(response, status, body) {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.end(bytes);
}

function answerHealth(response) {
  const status = settings.healthStatus;
  if (status < 300 && settings.exitsAfterHealthyMs !== null) {
    setTimeout(() => process.exit(1), settings.exitsAfterHealthyMs);
  }
  answer(response, status, { deployment });
}

/** Body `{ "id": "…" }`: remembered before it is answered. */
function count(request, response) {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { id } = JSON.parse(Buffer.concat(chunks).toString());
    writeSync(counts, `${id} ${deployment}\n`);
    answer(response, 201, { n: id, deployment });
  });
}

/** `?ms=1200`, and with `&head=early` the head and a first piece come at once. */
function answerSlowly(request, response, query) {
  const n = query.get('n');
  if (query.get('head') === 'early') {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.write(`{"n":${JSON.stringify(n)},`);
    setTimeout(() => response.end(`"deployment":${JSON.stringify(deployment)}}`), Number(query.get('ms')));
  } else {
    setTimeout(() => answer(response, 200, { n, deployment }), Number(query.get('ms')));
  }
}

/** How much came, and its hash. */
function weigh(request, response, query) {
  const hash = createHash('sha256');
  let bytes = 0;
  request.on('data', (chunk) => {
    bytes += chunk.length;
    hash.update(chunk);
  });
  request.on('end', () => answer(response, 200, { n: query.get('n'), bytes, sha256: hash.digest('hex'), deployment }));
}

/** Counts on from `Last-Event-ID`, one event each `?everyMs=100`. */
function streamEvents(request, response, query) {
  let last = Number(request.headers['last-event-id'] ?? 0);
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const tell = () => {
    last += 1;
    response.write(`id: ${last}\ndata: ${JSON.stringify({ n: last, deployment })}\n\n`);
  };
  const timer = setInterval(tell, Number(query.get('everyMs') ?? 100));
  const end = () => response.end();
  openEnds.add(end);
  response.on('close', () => {
    clearInterval(timer);
    openEnds.delete(end);
  });
  tell();
}

/** A WebSocket (RFC 6455) that answers each text with the deployment's name before it. */
server.on('upgrade', (request, socket) => {
  socket.on('error', () => socket.destroy());
  if (!/\/socket(?:\?|$)/.test(request.url) || isBroken()) {
    return socket.end('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  }
  const accept = createHash('sha1')
    .update(request.headers['sec-websocket-key'] + WEBSOCKET_GUID)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: ${accept}\r\nx-deployment: ${deployment}\r\n\r\n`,
  );
  const end = () => socket.end(frame(0x8, Buffer.from([0x03, 0xf4])));
  openEnds.add(end);
  socket.on('close', () => openEnds.delete(end));
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    for (let read = unframe(pending); read !== null; read = unframe(pending)) {
      pending = pending.subarray(read.size);
      if (read.opcode === 0x1) socket.write(frame(0x1, Buffer.from(`${deployment} ${read.payload}`)));
      else if (read.opcode === 0x9) socket.write(frame(0xa, read.payload));
      else if (read.opcode === 0x8) return socket.end(frame(0x8, read.payload.subarray(0, 2)));
    }
  });
});

function frame(opcode, payload) {
  return Buffer.concat([Buffer.from([0x80 | opcode, payload.length]), payload]);
}

/** One masked frame of fewer than 126 bytes, which is all that is sent here; null while it is not whole. */
function unframe(bytes) {
  if (bytes.length < 6) return null;
  const length = bytes[1] & 0x7f;
  if (bytes.length < 6 + length) return null;
  const payload = Buffer.from(bytes.subarray(6, 6 + length).map((byte, index) => byte ^ bytes[2 + (index % 4)]));
  return { opcode: bytes[0] & 0x0f, payload, size: 6 + length };
}

/**
 * The best that a service can do without a gateway in front of it: every answer says that its connection ends, streams end politely, and
 * it exits once the last connection is gone. `http.Server.close()` would cut idle connections under a request that is on its way.
 */
function stopGracefully() {
  if (isStopping) return;
  isStopping = true;
  Server.prototype.close.call(server, () => process.exit(0));
  for (const end of openEnds) end();
}
