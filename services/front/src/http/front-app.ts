/** The Express application: configuration for the page, the files of the build, and the page itself for every screen. */
import { noRoute, problemHandler } from '@switchyard/kit/http/problems';
import { traceRequests } from '@switchyard/kit/http/requests';
import { refuse, RefusedRequest, requestErrors } from '@switchyard/kit/errors';
import type { AnsweredRequest } from '@switchyard/kit/http/requests';
import type { Logger } from '@switchyard/kit/log';
import express from 'express';
import type { Express, Request, Response } from 'express';
import { gatewayFor } from '../domain/gateway-address.ts';
import { screenAt } from '../domain/screens.ts';
import { answerFile } from './answer-file.ts';
import { setSecurityHeaders } from './security-headers.ts';
import type { WebFile, WebFiles } from './web-files.ts';

export interface FrontParts {
  readonly files: WebFiles;
  /** Shown to the reader, `front-3`. */
  readonly deployment: string;
  readonly gatewayPublicUrl: string | undefined;
  readonly log: Logger;
  readonly answered?: (request: AnsweredRequest) => void;
  readonly elsewhere: Elsewhere;
}

/** Content-named files that this build does not have. */
export interface Elsewhere {
  /** What came from other deployments of this service so far, by URL path. */
  readonly kept: WebFiles;
  /** From `kept` or from another deployment; null when nobody has it. */
  find(url: string): Promise<WebFile | null>;
}

/** URL path of a content-named file. */
export const ASSET = /^\/assets\/[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/;
/** On a request from another deployment of this service: ask nobody else. */
export const ASKED_BY_SIBLING = 'x-switchyard-front-sibling';

export function frontApp(parts: FrontParts): Express {
  const { files, deployment, elsewhere, log } = parts;
  const page = files.get('/index.html')!;
  const app = express();
  app.disable('x-powered-by');
  app.set('trust proxy', false);
  app.use(traceRequests(log, parts.answered));
  app.use((request, response, next) => {
    setSecurityHeaders(response, gatewayOf(request));
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    response.setHeader('allow', 'GET, HEAD');
    throw new RefusedRequest(refuse(requestErrors.METHOD_NOT_ALLOWED, { detail: `${request.method} ${request.path}` }));
  });

  app.get('/config.json', (request, response) => {
    response.setHeader('cache-control', 'no-store');
    response.json({ gatewayUrl: gatewayOf(request), deployment });
  });

  app.get('/assets/', (request, response, next) => {
    if (request.headers[ASKED_BY_SIBLING] === undefined) return next();
    const own = [...files.keys()].filter((url) => ASSET.test(url));
    response.setHeader('cache-control', 'no-store');
    response.json([...own, ...elsewhere.kept.keys()]);
  });

  app.get('/assets/{*name}', async (request: Request, response: Response) => {
    const known = files.get(request.path) ?? elsewhere.kept.get(request.path) ?? null;
    const mayAsk = ASSET.test(request.path) && request.headers[ASKED_BY_SIBLING] === undefined;
    const file = known === null && mayAsk ? await elsewhere.find(request.path) : known;
    if (file === null) throw nothing(request);
    answerFile(request, response, file);
  });

  app.use((request, response, next) => {
    const file = request.path === '/index.html' || request.path === '/404.html' ? undefined : files.get(request.path);
    if (file !== undefined) return answerFile(request, response, file);
    if (!isNavigation(request)) return next();
    if (screenAt(request.path) !== null) return answerFile(request, response, page);
    const notFound = files.get('/404.html');
    return notFound === undefined ? next() : answerFile(request, response, notFound, 404);
  });
  app.use(noRoute, problemHandler(log));
  return app;

  function gatewayOf(request: Request): string {
    return gatewayFor({
      throughGateway: request.headers['x-forwarded-host'] !== undefined,
      host: request.headers.host,
      publicUrl: parts.gatewayPublicUrl,
    });
  }
}

/** A browser that goes to a page, as against a program or an element that fetches something. */
function isNavigation(request: Request): boolean {
  const destination = request.headers['sec-fetch-dest'];
  if (destination !== undefined && destination !== 'document') return false;
  return request.accepts(['html', 'json']) === 'html';
}

const nothing = (request: Request) =>
  new RefusedRequest(refuse(requestErrors.NO_ROUTE, { detail: `${request.method} ${request.path}` }));
