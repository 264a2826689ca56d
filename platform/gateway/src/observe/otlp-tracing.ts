/** Spans in bounded batches to a collector by OTLP over HTTP, with OpenTelemetry's own libraries. Loaded only where it is configured. */
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor } from '@opentelemetry/sdk-trace';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Exchange } from '../exchange.ts';
import { RequestSpan } from './request-span.ts';
import type { Tracing, TracingOptions } from './tracing.ts';

/** A second's worth of a busy gateway: some 10 MB. */
const WAITING_MAX = 8_192;
const BATCH_MAX = 512;
const EVERY_MS = 1_000;
/** For one batch, second attempts included. */
const EXPORT_MS = 4_000;
const STOP_MS = 3_000;

type Report = Parameters<SpanExporter['export']>[1];

export class OtlpTracing implements Tracing {
  private readonly options: TracingOptions;
  private readonly resource;
  private readonly processor: BatchSpanProcessor;
  /** Handed on and not settled. */
  private waiting = 0;
  private isAway = false;

  constructor(options: TracingOptions) {
    this.options = options;
    const { who, settings } = options;
    this.resource = resourceFromAttributes({
      'service.namespace': 'switchyard',
      'service.name': who.service,
      'service.instance.id': who.instance,
      'switchyard.deployment': who.deployment,
    });
    const exporter = new OTLPTraceExporter({
      url: tracesUrl(settings.endpoint),
      timeoutMillis: EXPORT_MS,
      concurrencyLimit: Math.ceil(WAITING_MAX / BATCH_MAX),
    });
    this.processor = new BatchSpanProcessor({
      exporter: this.counted(exporter),
      maxQueueSize: WAITING_MAX,
      maxExportBatchSize: BATCH_MAX,
      scheduledDelayMillis: EVERY_MS,
      exportTimeoutMillis: EXPORT_MS + 1_000,
    });
  }

  record(exchange: Exchange, durationMs: number): void {
    if (exchange.traceFlags === '00' || exchange.traceId === '') return;
    if (this.waiting >= WAITING_MAX) {
      this.lost(1, 'spans come faster than the collector takes them');
      return;
    }
    this.waiting += 1;
    this.processor.onEnd(new RequestSpan(exchange, Date.now(), durationMs, this.resource));
  }

  async stop(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const deadline = setTimeout(resolve, STOP_MS);
    await Promise.race([this.processor.shutdown().catch(() => {}), late]);
    clearTimeout(deadline);
    if (this.waiting > 0) this.options.log.warn({ spans: this.waiting }, 'spans are lost: the gateway stops');
  }

  /** The exporter, with what came of each batch counted. */
  private counted(exporter: OTLPTraceExporter): SpanExporter {
    return {
      export: (spans: ReadableSpan[], report: Report) =>
        exporter.export(spans, (result) => {
          this.settled(spans.length, result.error);
          report(result);
        }),
      forceFlush: () => exporter.forceFlush(),
      shutdown: () => exporter.shutdown(),
    };
  }

  private settled(spans: number, error: Error | undefined): void {
    this.waiting -= spans;
    if (error !== undefined) return this.lost(spans, error);
    this.options.count('exported', spans);
    if (this.isAway) this.options.log.info('the collector takes spans again');
    this.isAway = false;
  }

  /** Told once, until it works again. */
  private lost(spans: number, why: Error | string): void {
    this.options.count('dropped', spans);
    if (!this.isAway)
      this.options.log.warn(
        { endpoint: this.options.settings.endpoint, why: typeof why === 'string' ? why : why.message },
        'spans are dropped: the collector does not take them',
      );
    this.isAway = true;
  }
}

/** As the specification has it for an endpoint of all signals; a path of one's own stands as it is. */
export function tracesUrl(endpoint: string): string {
  const url = new URL(endpoint);
  if (url.pathname === '/') url.pathname = '/v1/traces';
  return url.href;
}
