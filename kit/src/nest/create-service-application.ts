/** Makes a Nest application the way every service here has it: strict bodies, problem answers, traces, metrics, messages over TCP. */
import 'reflect-metadata';
import type { RequestListener } from 'node:http';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { IEntryNestModule } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import express from 'express';
import type { Express, RequestHandler } from 'express';
import { jsonBody } from '../http/json-body.ts';
import { traceRequests } from '../http/requests.ts';
import { measureRequests } from '../metrics.ts';
import type { ServiceParts } from '../run-service.ts';
import { readCaller } from './callers.ts';
import { MessageServer } from './message-server.ts';
import { nestLog } from './nest-log.ts';
import { ProblemFilter } from './problem-filter.ts';

export interface ServiceApplicationOptions {
  /** The root module, or its metadata. */
  readonly module: IEntryNestModule;
  readonly parts: Pick<ServiceParts, 'environment' | 'log' | 'lifecycle' | 'identity' | 'serviceTokens' | 'metrics'>;
  /** Handlers in front of Nest and of body parsing, such as eventLogRoutes(). */
  readonly before?: readonly RequestHandler[];
  /** Where message handlers (`@MessagePattern`) are served; 0 takes a free port; none without it. */
  readonly tcpPort?: number | undefined;
  /** Largest body; default 64 KiB. */
  readonly bodyLimitBytes?: number;
}

export interface ServiceApplication {
  readonly app: INestApplication;
  /** For Assembled.listener. It is the Express application, for assertNoDrift too. */
  readonly listener: RequestListener & Express;
  /** For Assembled.endpoints: `tcp` where `tcpPort` was given. */
  readonly endpoints: Readonly<Record<string, { readonly port: number }>>;
}

const MESSAGES_DRAIN_TIMEOUT_MS = 1_000;

/** Initialised, its messages listening; closed by the lifecycle. */
export async function createServiceApplication(options: ServiceApplicationOptions): Promise<ServiceApplication> {
  const { parts, tcpPort } = options;
  const application = express();
  application.disable('x-powered-by').disable('etag').enable('strict routing').enable('case sensitive routing');
  application.use(traceRequests(parts.log, measureRequests(parts.metrics)));
  for (const handler of options.before ?? []) application.use(handler);
  application.use(readCaller(parts.identity, parts.serviceTokens));
  application.use(jsonBody(options.bodyLimitBytes === undefined ? {} : { limitBytes: options.bodyLimitBytes }));
  const app = await NestFactory.create(options.module, new ExpressAdapter(application), {
    bodyParser: false,
    abortOnError: false,
    logger: nestLog(parts.log),
  });
  app.useGlobalFilters(new ProblemFilter(application, parts.log));
  const messages = tcpPort === undefined ? null : new MessageServer({ host: parts.environment.HOST, port: tcpPort });
  if (messages !== null) app.connectMicroservice({ strategy: messages }, { inheritAppConfig: true });
  await app.init();
  parts.lifecycle.onStop('application', async () => {
    await messages?.drained(MESSAGES_DRAIN_TIMEOUT_MS);
    await app.close();
  });
  if (messages === null) return { app, listener: application, endpoints: {} };
  await app.startAllMicroservices();
  return { app, listener: application, endpoints: { tcp: { port: messages.listeningPort } } };
}
