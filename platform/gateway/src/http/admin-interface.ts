/** What operators and Prometheus read: metrics, routes, deployments, breakers, requests in flight. On loopback alone. */
import { isIP } from 'node:net';
import express from 'express';
import type { Express } from 'express';
import type { Registry } from '@switchyard/kit/metrics';
import type { Gauges, Metrics } from '../observe/metrics.ts';
import type { Deployment } from '../routing/deployment.ts';
import type { Service } from '../routing/service.ts';

export interface AdminParts {
  readonly metrics: Metrics;
  readonly gauges: Gauges;
  /** Figures of the process itself. */
  readonly processMetrics: Registry;
  readonly who: { readonly service: string; readonly deployment: string; readonly instance: string };
  readonly nowMs: () => number;
}

export function adminInterface(parts: AdminParts): Express {
  const { routing } = parts.gauges;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // No page of the web reaches it by a name that it lets point here (DNS rebinding).
  app.use((request, response, next) => {
    if (isLoopback(request.headers.host ?? '')) return next();
    response.status(403).type('text/plain').send('only by a loopback address\n');
  });
  app.get('/metrics', async (_request, response) => {
    const ofProcess = await parts.processMetrics.metrics();
    response.type('text/plain; version=0.0.4').send(`${parts.metrics.render(parts.gauges)}${ofProcess}`);
  });
  app.get('/health', (_request, response) => {
    response.json({ status: 'ok', ...parts.who, epoch: routing.epoch, ready: routing.isReady });
  });
  app.get('/routes', (_request, response) => {
    response.json({
      epoch: routing.epoch,
      routes: [...routing.routes].map((route) => ({
        ...route.policy,
        service: route.service?.name ?? null,
        live: route.service?.live?.id ?? null,
      })),
    });
  });
  app.get('/deployments', (_request, response) => {
    response.json({
      epoch: routing.epoch,
      deployments: [...routing.services.values()].flatMap((service) =>
        [...service.deployments.values()].map((deployment) => ({
          service: service.name,
          deployment: deployment.id,
          role: roleOf(service, deployment),
          share: deployment.share,
          instances: deployment.up.length,
          inFlight: deployment.inFlight,
          ...deployment.traffic,
        })),
      ),
    });
  });
  app.get('/breakers', (_request, response) => {
    const nowMs = parts.nowMs();
    response.json({
      breakers: routing.deployments.map(({ id, service, breaker: { state } }) => ({
        service,
        deployment: id,
        state: state.name,
        ...(state.name === 'open' ? { retryInMs: Math.max(0, Math.round(state.untilMs - nowMs)) } : {}),
      })),
    });
  });
  app.get('/in-flight', (_request, response) => {
    response.json({
      epoch: routing.epoch,
      deployments: routing.inFlight(),
      instances: Object.fromEntries(
        [...routing.services.values()].flatMap((service) =>
          [...service.deployments.values()].flatMap((deployment) =>
            [...deployment.instances.values()].map((instance) => [instance.id, instance.inFlight]),
          ),
        ),
      ),
      streams: parts.gauges.openStreams(),
    });
  });
  return app;
}

/** A preview is a canary whose share is 0. A `candidate` gets nothing yet, what is `retiring` nothing any more. */
function roleOf(service: Service, deployment: Deployment): string {
  if (deployment === service.live) return 'live';
  if (deployment === service.standby) return 'standby';
  if (deployment.isServing) return deployment.share === 0 ? 'preview' : 'canary';
  return deployment.requests + deployment.inFlight === 0 ? 'candidate' : 'retiring';
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}
