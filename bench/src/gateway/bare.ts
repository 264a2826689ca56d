/**
 * The gateway's proxy alone: its door, its strict reading of a head, its client and its relay, between PORT and UPSTREAM_PORTS.
 * No routes, CORS, limits, identity, breaker or metrics, and no registry: what is left is what the duties are measured against.
 */
import type { ServerResponse } from 'node:http';
import type { Table } from '@switchyard/contracts/registry';
import { FrontDoor } from '@switchyard/gateway/door/front-door';
import type { Exchange } from '@switchyard/gateway/exchange';
import { CorsPolicy } from '@switchyard/gateway/message/cors-policy';
import { samplingOf } from '@switchyard/gateway/observe/tracing';
import { claimInstance } from '@switchyard/gateway/routing/claim';
import { RoutingTable } from '@switchyard/gateway/routing/routing-table';
import { forwardStage } from '@switchyard/gateway/stages/forward';
import { validateStage } from '@switchyard/gateway/stages/validate';
import { Deadlines } from '@switchyard/gateway/upstream/deadlines';
import { OpenStreams } from '@switchyard/gateway/upstream/open-streams';
import type { Way } from '@switchyard/gateway/way';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import { systemClock } from '@switchyard/kit/clock';
import type { Refusal } from '@switchyard/kit/errors';

const ports = process.env['UPSTREAM_PORTS']!.split(',').map(Number);
const route = { path: '/', auth: 'none' as const, timeoutMs: 30_000 };
const instance = { host: '127.0.0.1', endpoints: {}, status: 'UP' as const, weight: 1, zone: '', metadata: {} };
const table: Table = {
  epoch: 1,
  revision: 1,
  services: {
    upstream: {
      declared: false,
      live: 'upstream-1',
      standby: null,
      split: null,
      deployments: {
        'upstream-1': {
          version: '',
          side: null,
          routes: [route],
          instances: ports.map((port, index) => ({ ...instance, id: `upstream-${index + 1}`, port })),
        },
      },
    },
  },
};

const { nowMs, after } = systemClock;
const streams = new OpenStreams(after, () => false);
const deadlines = new Deadlines(nowMs);
const cors = new CorsPolicy([]);
const routing = new RoutingTable([], {
  streams,
  own: [],
  nowMs,
  random: Math.random,
  settings: DEFAULT_SETTINGS,
  tellOthers: () => {},
  warn: (_facts, message) => console.error(message),
  drained: () => {},
});
routing.take(table, new Set(['upstream']));
const found = routing.find('/')!;
const validate = validateStage(samplingOf(undefined));
const { clients: pace } = DEFAULT_SETTINGS;
const ownInterface = (_request: unknown, response: ServerResponse): void => void response.end();
const forward = forwardStage({ deadlines, streams, cors, nowMs, pace, ownInterface });

/** Anything but an answer of the upstream ends the measurement: it would not be one of the proxy. */
const fail = (exchange: Exchange, why: string): never => {
  throw new Error(`${exchange.method} ${exchange.path}: ${why}`);
};
const way = {
  proceed(exchange: Exchange): void {
    if (validate(exchange, way) !== undefined) fail(exchange, 'not a request to be measured');
    exchange.route = found;
    const claim = claimInstance(found.service!, exchange.bucket, null, nowMs());
    if (typeof claim === 'string') return fail(exchange, claim);
    exchange.claim = claim;
    forward(exchange, way);
  },
  refuse: (exchange: Exchange, { error }: Refusal): void => fail(exchange, error.code),
  close(exchange: Exchange): void {
    if (exchange.isAccounted) return;
    exchange.isAccounted = true;
    exchange.runner?.responseClosed();
    exchange.onClosed(exchange);
  },
} as unknown as Way;

deadlines.start();
await new FrontDoor({ way, nowMs, clients: pace }).listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
