/** A peer: `node:http` and httpxy over kept connections. */
import { Agent, createServer } from 'node:http';
import { createProxyServer } from 'httpxy';

const agent = new Agent({ keepAlive: true, maxSockets: 1_024, maxFreeSockets: 1_024 });
const proxy = createProxyServer({ target: process.env['UPSTREAM']!, agent });
createServer((request, response) => {
  proxy.web(request, response).catch((error: unknown) => {
    console.error(error);
    response.writeHead(502).end();
  });
}).listen(Number(process.env['PORT']), '127.0.0.1', 4_096);
