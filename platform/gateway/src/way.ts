/** The way of a request: the stages in their order, and who walks them. */
import type { Refusal } from '@switchyard/kit/errors';
import { answerRefusal } from './message/problem-answer.ts';
import type { Exchange } from './exchange.ts';
import type { Sampling } from './observe/sampling.ts';
import { accountStage } from './stages/account.ts';
import type { Accounts } from './stages/account.ts';
import { admitStage } from './stages/admit.ts';
import { authenticateStage } from './stages/authenticate.ts';
import type { Authentication } from './stages/authenticate.ts';
import type { Splitting } from './stages/bucket.ts';
import { chooseInstanceStage } from './stages/choose-instance.ts';
import { corsStage } from './stages/cors.ts';
import { forwardStage } from './stages/forward.ts';
import type { Forwarding } from './stages/forward.ts';
import { limitStage } from './stages/limit.ts';
import type { ClientLimits, InFlight } from './stages/limit.ts';
import { routeStage } from './stages/route.ts';
import type { Routing } from './stages/route.ts';
import { secureStage } from './stages/secure.ts';
import { validateStage } from './stages/validate.ts';
import type { CorsPolicy } from './message/cors-policy.ts';

/** The stage has begun something and calls `proceed` or `refuse` when it is done. */
export const WAIT = Symbol('wait');
export type Outcome = undefined | typeof WAIT | Refusal;
/** `undefined`: go on with the next; a refusal: answer it and go to the last. */
export type Stage = (exchange: Exchange, way: Way) => Outcome;

export interface WayParts {
  /** Of traces that begin here. */
  readonly traceSampling: Sampling;
  /** Where clients find HTTPS; null: nowhere. */
  readonly securePort: number | null;
  readonly routing: Routing;
  readonly cors: CorsPolicy;
  readonly limits: ClientLimits;
  readonly authentication: Authentication;
  readonly splitting: Splitting;
  readonly forwarding: Forwarding;
  readonly accounts: Accounts;
  readonly nowMs: () => number;
}

export class Way {
  private readonly stages: readonly Stage[];
  private readonly cors: CorsPolicy;
  private readonly inFlight: InFlight;

  constructor(parts: WayParts) {
    this.cors = parts.cors;
    this.inFlight = parts.limits.inFlight;
    this.stages = [
      validateStage(parts.traceSampling),
      secureStage(parts.securePort),
      routeStage(parts.routing),
      corsStage(parts.cors),
      limitStage(parts.limits, parts.nowMs),
      authenticateStage(parts.authentication),
      admitStage(parts.splitting, parts.nowMs),
      chooseInstanceStage(parts.nowMs),
      forwardStage(parts.forwarding),
      accountStage(parts.accounts, parts.nowMs),
    ];
  }

  /** Walks on from where the exchange stands, up to the stage that answers; the last one comes when the answer has ended. */
  proceed(exchange: Exchange): void {
    const last = this.stages.length - 1;
    while (exchange.at < last) {
      const stage = this.stages[exchange.at]!;
      exchange.at += 1;
      const outcome = stage(exchange, this);
      if (outcome === undefined) continue;
      if (outcome !== WAIT) this.refuse(exchange, outcome);
      return;
    }
  }

  /** Answers a problem; the stages between are left out. Not when it has ended: its connection may carry another request by then. */
  refuse(exchange: Exchange, refusal: Refusal): void {
    if (exchange.isAccounted) return;
    exchange.errorCode = refusal.error.code;
    exchange.at = this.stages.length;
    answerRefusal(exchange, refusal, this.cors);
  }

  /** The answer has ended, or its client has gone: the last stage, once. */
  close(exchange: Exchange): void {
    if (exchange.isAccounted) return;
    exchange.isAccounted = true;
    if (exchange.isInFlight) this.inFlight.now -= 1;
    exchange.runner?.responseClosed();
    if (exchange.status === 0) exchange.status = 499;
    exchange.at = this.stages.length;
    this.stages.at(-1)?.(exchange, this);
    exchange.onClosed(exchange);
  }
}
