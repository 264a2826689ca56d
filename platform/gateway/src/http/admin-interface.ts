/** What operators and Prometheus read: metrics, routes, deployments, breakers, requests in flight, of all workers. On loopback alone. */
import { isIP } from 'node:net';
import express from 'express';
import type { Express } from 'express';
import { byBreaker, sumOf } from '../observe/figures.ts';
import type { BreakerFigure } from '../observe/figures.ts';
import { renderMetrics } from '../observe/metrics-page.ts';
import type { Deployment } from '../routing/deployment.ts';
import type { RoutingTable } from '../routing/routing-table.ts';
import type { Service } from '../routing/service.ts';
import type { AllFigures } from '../workers/workers.ts';

export interface AdminParts {
  readonly routing: RoutingTable;
  /** `forget`: deployments that left, and were told of for the last time. */
  readonly figures: (forget: readonly string[]) => Promise<AllFigures>;
  readonly who: { readonly service: string; readonly deployment: string; readonly instance: string };
}

const NOTHING = { requests: 0, failed: 0, latencyMs: 0 };

export function adminInterface(parts: AdminParts): Express {
  const { routing, figures } = parts;
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  // No page of the web reaches it by a name that it lets point here (DNS rebinding).
  app.use((request, response, next) => {
    if (isLoopback(request.headers.host ?? '')) return next();
    response.status(403).type('text/plain').send('only by a loopback address\n');
  });
  const page = metricsPage(parts);
  app.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4').send(await page());
  });
  app.get('/health', async (_request, response) => {
    const { workers, states } = await figures([]);
    response.json({
      status: 'ok',
      ...parts.who,
      epoch: routing.epoch,
      ready: routing.isReady,
      workers: states.map((state) => ({
        ...state,
        answers: workers.has(state.worker),
        epoch: workers.get(state.worker)?.now.epoch ?? null,
        connections: workers.get(state.worker)?.now.openConnections ?? null,
      })),
    });
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
  app.get('/deployments', async (_request, response) => {
    const { counts, workers } = await figures([]);
    const inFlight = sumOf(Array.from(workers.values(), ({ now }) => now.inFlight));
    response.json({
      epoch: routing.epoch,
      deployments: [...routing.services.values()].flatMap((service) =>
        [...service.deployments.values()].map((deployment) => {
          const traffic = counts.traffic[deployment.id] ?? NOTHING;
          const running = inFlight[deployment.id] ?? 0;
          return {
            service: service.name,
            deployment: deployment.id,
            role: roleOf(service, deployment, traffic.requests + running > 0),
            share: deployment.share,
            instances: deployment.up.length,
            inFlight: running,
            ...traffic,
          };
        }),
      ),
    });
  });
  app.get('/breakers', async (_request, response) => {
    const { workers } = await figures([]);
    response.json({
      breakers: routing.deployments.map(({ id, service }) => {
        const each = Array.from(workers, ([worker, { now }]) => ({ worker, breaker: now.breakers[id] }))
          .flatMap(({ worker, breaker }) => (breaker === undefined ? [] : { worker, ...breaker }))
          .toSorted(byBreaker);
        // One at least: the first worker always answers itself.
        const [worst] = each;
        return {
          service,
          deployment: id,
          ...shown(worst!),
          workers: each.map(({ worker, ...breaker }) => ({ worker, ...shown(breaker) })),
        };
      }),
    });
  });
  app.get('/in-flight', async (_request, response) => {
    const { workers } = await figures([]);
    const all = Array.from(workers.values(), ({ now }) => now);
    response.json({
      epoch: routing.epoch,
      deployments: sumOf(all.map(({ inFlight }) => inFlight)),
      instances: sumOf(all.map(({ inFlightByInstance }) => inFlightByInstance)),
      streams: all.reduce((sum, { openStreams }) => sum + openStreams, 0),
    });
  });
  return app;
}

/** A deployment that left is told once more, so that its last requests are not missed, and then never again. */
function metricsPage({ routing, figures }: AdminParts): () => Promise<string> {
  let told: readonly string[] = [];
  return async () => {
    const present = new Set(routing.deployments.map(({ id }) => id));
    const { counts, workers, states, deaths } = await figures(told.filter((id) => !present.has(id)));
    told = Object.values(counts.series)
      .map(({ deployment }) => deployment)
      .filter((id) => id !== '' && !present.has(id));
    return renderMetrics({
      counts,
      now: new Map(Array.from(workers, ([worker, { now }]) => [worker, now])),
      processes: new Map(Array.from(workers, ([worker, one]) => [worker, one.process])),
      deployments: routing.deployments,
      workers: states.length,
      deaths,
    });
  };
}

const shown = ({ state, retryInMs }: BreakerFigure) => ({ state, ...(state === 'open' ? { retryInMs } : {}) });

/** A preview is a canary whose share is 0. A `candidate` gets nothing yet, what is `retiring` nothing any more. */
function roleOf(service: Service, deployment: Deployment, hasServed: boolean): string {
  if (deployment === service.live) return 'live';
  if (deployment === service.standby) return 'standby';
  if (deployment.isServing) return deployment.share === 0 ? 'preview' : 'canary';
  return hasServed ? 'retiring' : 'candidate';
}

function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIP(name) === 4 && name.startsWith('127.'));
}
