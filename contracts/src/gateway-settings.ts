/** How the gateway is set up beyond where it listens: what a user may write below `gateway` in `switchyard.yaml`, and what the yard hands on. */
import { z } from 'zod';

const whole = (min: number, max: number) => {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, error).max(max, error);
};
const share = (says: string) => {
  const error = 'must be a number from 0 to 1';
  return z.number({ error }).min(0, error).max(1, error).describe(says);
};
const file = (says: string) => {
  const error = 'must be a file, relative to switchyard.yaml';
  return z.string({ error }).min(1, error).max(4_000).describe(says);
};

const HOUR_MS = 3_600_000;

const inFlight = z.strictObject({
  total: whole(1, 1_000_000)
    .default(10_000)
    .describe('Requests that one worker carries at a time; beyond it the answer is 503'),
  perInstance: whole(1, 65_535)
    .default(1_024)
    .describe('Requests under way to one instance at a time, without streams and what slow clients hold up'),
});

const breaker = z.strictObject({
  minRequests: whole(1, 1_000_000).default(20).describe('Fewer requests than this within the window decide nothing'),
  failureRatio: share('Share of failed requests that opens it').default(0.5),
  windowMs: whole(100, HOUR_MS).default(10_000).describe('How far back requests count'),
  pauseMs: whole(10, HOUR_MS).default(1_000).describe('How long it stays open before a few requests try again'),
});

const ejection = z.strictObject({
  failures: whole(1, 1_000).default(5).describe('Failures in a row after which an instance is left out'),
  baseMs: whole(10, HOUR_MS).default(1_000).describe('For how long, times how often in a row it happened'),
  maxMs: whole(10, HOUR_MS).default(30_000).describe('For how long at most'),
});

const retries = z.strictObject({
  budgetRatio: share('Second attempts at most, as a share of requests; 0: none').default(0.2),
});

const clients = z.strictObject({
  headTimeoutMs: whole(100, HOUR_MS)
    .default(15_000)
    .describe('From the first byte of a request to the end of its head'),
  keepAliveMs: whole(100, HOUR_MS).default(72_000).describe('How long a connection may be quiet between two requests'),
  minBytesPerSecond: whole(0, 1_000_000_000)
    .default(240)
    .describe('A client slower than this in sending a body or reading an answer is cut off; 0: never'),
  graceMs: whole(0, HOUR_MS).default(10_000).describe('Before the speed of a client counts'),
  pauseMs: whole(0, HOUR_MS)
    .default(60_000)
    .describe('How long a client that was fast enough may pause, in a body or in taking an answer'),
  connections: whole(1, 1_000_000).default(20_000).describe('Open connections of one worker at most'),
});

const accessLog = z.strictObject({
  sample: share('Share of requests that are logged; those that failed always are').default(1),
});

const tracing = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/, error: 'must be an http address such as http://localhost:4318' })
    .describe('Where spans are sent by OTLP over HTTP; /v1/traces is added when it has no path'),
  sample: share(
    'Share of traces that begin here and are sent; a trace that a caller began is sent when it says so',
  ).default(1),
});

const tls = z.strictObject({
  certificate: file('Certificate and its chain, PEM; read again when it changes'),
  key: file('Private key, PEM'),
  port: whole(1, 65_535).default(8443).describe('Port of HTTPS and HTTP/2; the port without TLS redirects there'),
  publicPort: whole(1, 65_535)
    .optional()
    .describe('Port at which clients find it, where something in between maps another one; default: port'),
});

/** Parsing what it has answered changes nothing, so that the yard can hand it on as it is. */
export const gatewaySettings = z.strictObject({
  workers: whole(1, 64).default(1).describe('Processes that share the door'),
  tls: tls.optional().describe('HTTPS and HTTP/2 towards clients'),
  inFlight: inFlight.prefault({}).describe('Load shedding'),
  breaker: breaker.prefault({}).describe('When a deployment that mostly fails is left alone'),
  ejection: ejection.prefault({}).describe('When an instance that fails is left out'),
  retries: retries.prefault({}).describe('Second attempts'),
  clients: clients.prefault({}).describe('What slow clients may do'),
  accessLog: accessLog.prefault({}).describe('One line for a request'),
  tracing: tracing.optional().describe('OpenTelemetry; nothing is sent without it'),
});
export type GatewaySettings = z.output<typeof gatewaySettings>;

/** A gateway that nothing was written about. */
export const DEFAULT_SETTINGS: GatewaySettings = gatewaySettings.parse({});
