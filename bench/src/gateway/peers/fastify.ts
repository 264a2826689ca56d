/** A peer: Fastify and @fastify/http-proxy, which sends by undici over kept connections. */
import proxy from '@fastify/http-proxy';
import fastify from 'fastify';

const app = fastify({ logger: false, keepAliveTimeout: 3_600_000 });
await app.register(proxy, {
  upstream: process.env['UPSTREAM']!,
  undici: { connections: 1_024, pipelining: 1 },
});
await app.listen({ port: Number(process.env['PORT']), host: '127.0.0.1', backlog: 4_096 });
