/** A request of the gateway as a server span, with the names of OpenTelemetry's semantic conventions for HTTP. */
import { createTraceState, SpanKind, SpanStatusCode, TraceFlags } from '@opentelemetry/api';
import type { Attributes, HrTime, SpanContext, SpanStatus } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Exchange } from '../exchange.ts';

/** What the conventions call known; anything else would make as many names as clients can think of. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'CONNECT']);
const SCOPE = { name: '@switchyard/gateway' };
const NOTHING: never[] = [];
const UNSET: SpanStatus = { code: SpanStatusCode.UNSET };
const ERROR: SpanStatus = { code: SpanStatusCode.ERROR };

export class RequestSpan implements ReadableSpan {
  readonly name: string;
  readonly kind = SpanKind.SERVER;
  readonly parentSpanContext?: SpanContext;
  readonly startTime: HrTime;
  readonly endTime: HrTime;
  readonly duration: HrTime;
  readonly status: SpanStatus;
  readonly attributes: Attributes;
  readonly links = NOTHING;
  readonly events = NOTHING;
  readonly ended = true;
  readonly resource: Resource;
  readonly instrumentationScope = SCOPE;
  readonly droppedAttributesCount = 0;
  readonly droppedEventsCount = 0;
  readonly droppedLinksCount = 0;
  private readonly context: SpanContext;

  /** @param endedAtMs since 1970 */
  constructor(exchange: Exchange, endedAtMs: number, durationMs: number, resource: Resource) {
    const { traceId, spanId, parentSpanId, tracestate, route, status } = exchange;
    const method = METHODS.has(exchange.method) ? exchange.method : 'HTTP';
    this.name = route === null ? method : `${method} ${route.policy.path}`;
    const context: SpanContext = { traceId, spanId, traceFlags: TraceFlags.SAMPLED };
    if (tracestate !== '') context.traceState = createTraceState(tracestate);
    this.context = context;
    if (parentSpanId !== '')
      this.parentSpanContext = { traceId, spanId: parentSpanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
    this.startTime = timeOf(endedAtMs - durationMs);
    this.endTime = timeOf(endedAtMs);
    this.duration = timeOf(durationMs);
    this.status = status >= 500 ? ERROR : UNSET;
    this.attributes = attributesOf(exchange);
    this.resource = resource;
  }

  spanContext(): SpanContext {
    return this.context;
  }
}

/** Neither query nor headers: they may carry what is nobody's business. */
function attributesOf(exchange: Exchange): Attributes {
  const { method, status, route, claim, errorCode } = exchange;
  const isKnown = METHODS.has(method);
  const attributes: Attributes = {
    'http.request.method': isKnown ? method : '_OTHER',
    'url.path': exchange.path,
    'url.scheme': exchange.connection.scheme,
    'client.address': exchange.connection.address,
    'network.protocol.version': exchange.client.head.version,
  };
  if (!isKnown && method !== '') attributes['http.request.method_original'] = method;
  if (exchange.host !== '') addressInto(attributes, exchange.host);
  if (route !== null) attributes['http.route'] = route.policy.path;
  // 499 is not a status that anybody was sent.
  if (status === 499) attributes['error.type'] = 'client_left';
  else if (status !== 0) attributes['http.response.status_code'] = status;
  if (status >= 500) attributes['error.type'] = errorCode === '' ? String(status) : errorCode;
  if (errorCode !== '') attributes['switchyard.error_code'] = errorCode;
  const service = claim?.service.name ?? route?.service?.name;
  if (service !== undefined) attributes['switchyard.service'] = service;
  if (claim !== null) {
    attributes['switchyard.deployment'] = claim.deployment.id;
    attributes['switchyard.instance'] = claim.instance.id;
  }
  if (exchange.retries > 0) attributes['switchyard.retries'] = exchange.retries;
  return attributes;
}

/** The Host as it was asked for: a name or address, and a port where it says one. */
function addressInto(attributes: Attributes, host: string): void {
  const port = /:([0-9]+)$/.exec(host);
  attributes['server.address'] = port === null ? host : host.slice(0, port.index);
  if (port !== null) attributes['server.port'] = Number(port[1]);
}

const timeOf = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1_000);
  return [seconds, Math.round((ms - seconds * 1_000) * 1_000_000)];
};
