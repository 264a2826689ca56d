/** What every service measures about itself, in Prometheus' text format. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client';
import type { AnsweredRequest } from './http/requests.ts';

export type { Registry } from 'prom-client';

/** A registry with the process's own figures: memory, CPU, event loop, garbage collection. */
export function createMetrics(): Registry {
  const metrics = new Registry();
  // sampling the event loop at prom-client's default of 10 ms would wake an idle process a hundred times a second
  collectDefaultMetrics({ register: metrics, eventLoopMonitoringPrecision: 100 });
  return metrics;
}

/** `http_request_duration_seconds` by method, route and status; give the result to traceRequests(). */
export function measureRequests(metrics: Registry): (request: AnsweredRequest) => void {
  const duration = metricOnce(
    metrics,
    'http_request_duration_seconds',
    (name) =>
      new Histogram({
        name,
        help: 'Time from the head of a request to the end of its answer',
        labelNames: ['method', 'route', 'status'],
        buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
        registers: [metrics],
      }),
  );
  return ({ method, route, status, durationMs }) =>
    duration.observe({ method, route, status: String(status) }, durationMs / 1_000);
}

/** The metric of this name, made on first use, since a process may have several consumers or applications. */
export function metricOnce<M>(metrics: Registry, name: string, make: (name: string) => M): M {
  return (metrics.getSingleMetric(name) as M | undefined) ?? make(name);
}

/** Answers a scrape. */
export function answerMetrics(metrics: Registry, response: ServerResponse<IncomingMessage>): void {
  metrics.metrics().then(
    (text) => response.writeHead(200, { 'content-type': metrics.contentType }).end(text),
    (error: unknown) => response.destroy(error as Error),
  );
}
