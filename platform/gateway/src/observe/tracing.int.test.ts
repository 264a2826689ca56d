/** What a collector gets: one span a request, in the trace that travels, chosen by flag and share, and never at the cost of a request. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { listenOn, portOf } from '@switchyard/kit/http/server';
import { startYardWith } from '../testing/test-yard.ts';

/** OTLP/JSON, as far as these tests look (opentelemetry-proto, trace/v1). */
interface Value {
  readonly stringValue?: string;
  readonly intValue?: number | string;
}
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { readonly key: string; readonly value: Value }[];
  readonly status: { readonly code?: number };
}
interface Body {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: Span['attributes'] };
    readonly scopeSpans: readonly { readonly spans: readonly Span[] }[];
  }[];
}

const SERVER = 2;
const ERROR = 2;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

async function startCollector(t: TestContext) {
  const paths: string[] = [];
  const bodies: Body[] = [];
  const server = createServer((request, response) => {
    void request.toArray().then((chunks) => {
      paths.push(request.url!);
      bodies.push(JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as Body);
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
      server.emit('taken');
    });
  });
  await listenOn(server, { host: '127.0.0.1', port: 0 });
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const spans = (): Span[] =>
    bodies.flatMap(({ resourceSpans }) =>
      resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans)),
    );
  const untilSpans = async (count: number): Promise<Span[]> => {
    while (spans().length < count) await once(server, 'taken', { signal: AbortSignal.timeout(10_000) });
    return spans();
  };
  return { endpoint: `http://127.0.0.1:${portOf(server)}`, paths, bodies, untilSpans };
}

async function start(t: TestContext, tracing: Record<string, unknown>) {
  const seen: IncomingHttpHeaders[] = [];
  const yard = await startYardWith(
    t,
    (request, response) => {
      seen.push(request.headers);
      if (request.url === '/fails') response.statusCode = 500;
      if (request.url === '/breaks') return void request.socket.destroy();
      return void response.end('ok');
    },
    { GATEWAY_SETTINGS: JSON.stringify({ tracing }) },
  );
  return { ...yard, seen };
}

const valuesOf = (attributes: Span['attributes']): Record<string, unknown> =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.stringValue ?? Number(value.intValue)]));

test("a request is a server span of its caller's trace, and the parent of what the service does", async (t) => {
  const collector = await startCollector(t);
  const yard = await start(t, { endpoint: collector.endpoint });
  const beforeMs = Date.now();
  const headers = { traceparent: `00-${TRACE}-${PARENT}-01`, tracestate: 'theirs=1' };
  assert.equal((await fetch(`${yard.url}/a/b?secret=1`, { headers })).status, 200);
  const [span] = await collector.untilSpans(1);
  assert.deepEqual(collector.paths, ['/v1/traces']);
  assert.equal(span!.traceId, TRACE);
  assert.equal(span!.parentSpanId, PARENT);
  assert.equal(span!.traceState, 'theirs=1');
  assert.equal(span!.kind, SERVER);
  assert.equal(span!.name, 'GET /');
  assert.equal(yard.seen[0]!['traceparent'], `00-${TRACE}-${span!.spanId}-01`);
  assert.deepEqual(valuesOf(span!.attributes), {
    'http.request.method': 'GET',
    'http.response.status_code': 200,
    'http.route': '/',
    'url.path': '/a/b',
    'url.scheme': 'http',
    'server.address': '127.0.0.1',
    'server.port': yard.gateway.port,
    'client.address': '127.0.0.1',
    'network.protocol.version': '1.1',
    'switchyard.service': 'echo',
    'switchyard.deployment': 'echo-1',
    'switchyard.instance': 'echo-a',
  });
  assert.deepEqual(span!.status.code ?? 0, 0);
  const startedMs = Number(BigInt(span!.startTimeUnixNano) / 1_000_000n);
  assert.ok(startedMs >= beforeMs - 1 && startedMs <= Date.now());
  assert.ok(BigInt(span!.endTimeUnixNano) >= BigInt(span!.startTimeUnixNano));
  const resource = valuesOf(collector.bodies[0]!.resourceSpans[0]!.resource.attributes);
  assert.equal(resource['service.name'], 'gateway');
  assert.equal(resource['service.instance.id'], 'gateway-under-test');
});

test('a failure is an error of its name, a repeated attempt is told of', async (t) => {
  const collector = await startCollector(t);
  const yard = await start(t, { endpoint: collector.endpoint });
  await fetch(`${yard.url}/fails`);
  await fetch(`${yard.url}/breaks`, { method: 'POST', body: 'x' });
  await fetch(`${yard.url}/-/nothing`);
  const spans = await collector.untilSpans(3);
  const of = (path: string): Record<string, unknown> & { code: number | undefined } => {
    const span = spans.find(({ attributes }) => valuesOf(attributes)['url.path'] === path)!;
    return { ...valuesOf(span.attributes), code: span.status.code };
  };
  assert.equal(of('/fails')['error.type'], '500');
  assert.equal(of('/fails').code, ERROR);
  assert.equal(of('/breaks')['error.type'], 'GATEWAY_UPSTREAM_BROKE');
  assert.equal(of('/breaks')['http.response.status_code'], 502);
  assert.equal(of('/breaks').code, ERROR);
  assert.equal(of('/-/nothing')['switchyard.error_code'], 'GATEWAY_NO_ROUTE');
  assert.equal(of('/-/nothing')['error.type'], undefined, "a client's fault is none of the server's");
  assert.notEqual(of('/-/nothing').code, ERROR);
});

test('the caller decides on its own traces, the share on those that begin here; the flag sent on agrees', async (t) => {
  const collector = await startCollector(t);
  const yard = await start(t, { endpoint: `${collector.endpoint}/own/path`, sample: 0 });
  await fetch(`${yard.url}/begins`);
  await fetch(`${yard.url}/left-out`, { headers: { traceparent: `00-${TRACE}-${PARENT}-00` } });
  await fetch(`${yard.url}/kept`, { headers: { traceparent: `00-${TRACE}-${PARENT}-01` } });
  const spans = await collector.untilSpans(1);
  assert.deepEqual(
    spans.map(({ attributes }) => valuesOf(attributes)['url.path']),
    ['/kept'],
  );
  assert.deepEqual(collector.paths, ['/own/path']);
  assert.deepEqual(
    yard.seen.map((headers) => String(headers['traceparent']).slice(-3)),
    ['-00', '-00', '-01'],
  );
});

test('with the collector away requests are answered as ever, and what is lost is counted', async (t) => {
  const yard = await start(t, { endpoint: 'http://127.0.0.1:9' });
  const answers = await Promise.all(Array.from({ length: 50 }, () => fetch(yard.url)));
  assert.ok(answers.every(({ status }) => status === 200));
  const deadline = AbortSignal.timeout(15_000);
  for (;;) {
    const page = await (await fetch(`${yard.adminUrl}/metrics`)).text();
    if (page.includes('gateway_spans_total{outcome="dropped"} 50')) break;
    deadline.throwIfAborted();
  }
});
