/** A peer: Express and http-proxy-middleware over kept connections. */
import { Agent } from 'node:http';
import express from 'express';
import { createProxyMiddleware } from 'http-proxy-middleware';

const app = express();
app.disable('x-powered-by');
app.use(
  createProxyMiddleware({
    target: process.env['UPSTREAM']!,
    agent: new Agent({ keepAlive: true, maxSockets: 1_024, maxFreeSockets: 1_024 }),
  }),
);
app.listen(Number(process.env['PORT']), '127.0.0.1', 4_096);
