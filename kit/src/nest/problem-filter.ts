/** Answers whatever a Nest application throws: problem+json over HTTP, the same document as the error of a message. */
import { Catch } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import type { Express, Request, Response } from 'express';
import { throwError } from 'rxjs';
import { problemOf, refuse, requestErrors } from '../errors.ts';
import type { Refusal } from '../errors.ts';
import { allowedMethods } from '../http/mounted-routes.ts';
import { answerProblem, refusalOfError } from '../http/problems.ts';
import type { Logger } from '../log.ts';

@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly application: Express;
  private readonly log: Logger;
  constructor(application: Express, log: Logger) {
    this.application = application;
    this.log = log;
  }

  catch(error: unknown, host: ArgumentsHost): unknown {
    const refusal = refusalOfError(error);
    if (host.getType() === 'rpc') {
      this.logWhyNot(refusal, error, {});
      return throwError(() => problemOf(refusal));
    }
    const request = host.switchToHttp().getRequest<Request>();
    const response = host.switchToHttp().getResponse<Response>();
    this.logWhyNot(refusal, error, { method: request.method, path: request.path });
    answerProblem(response, refusal.error === requestErrors.NO_ROUTE ? this.noRoute(request, response) : refusal);
    return undefined;
  }

  /** 404, or 405 where the path has routes for other methods. */
  private noRoute(request: Request, response: Response): Refusal {
    const allowed = allowedMethods(this.application, request.path);
    const detail = `${request.method} ${request.path}`;
    if (allowed.length === 0 || allowed.includes(request.method)) return refuse(requestErrors.NO_ROUTE, { detail });
    response.setHeader('allow', allowed.join(', '));
    return refuse(requestErrors.METHOD_NOT_ALLOWED, { detail: `${detail}: allowed are ${allowed.join(', ')}` });
  }

  private logWhyNot(refusal: Refusal, error: unknown, where: object): void {
    if (refusal.error.kind === 'internal') this.log.error({ err: error, ...where }, 'request failed');
    else if (refusal.error.kind === 'unavailable') this.log.warn({ err: error, ...where }, 'request not served');
  }
}
