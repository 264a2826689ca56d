/** What a broken attempt means for its request: whether it may be sent again, and what the client is told. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { claimInstance } from '../routing/claim.ts';
import type { Claim, Unclaimed } from '../routing/claim.ts';
import { LIVE_BUCKET, PREVIEW_BUCKET } from '../routing/split.ts';

/** Attempts besides the first one when nothing was sent; when something was, there is one. */
const UNSENT_RETRIES_MAX = 2;
/** RFC 9110 section 9.2.2: doing it twice is the same as doing it once. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

/** Whether it may be sent a second time although it may have been done. A body was streamed on and is gone. */
export const isRepeatable = (exchange: Exchange): boolean =>
  IDEMPOTENT.has(exchange.method) && !exchange.hasBody && exchange.upgrade === null;

export interface BrokenAttempt {
  /** Whether a byte of the request may have reached the instance. */
  readonly wasSent: boolean;
  /** Whether a byte of the body was taken from the client. */
  readonly bodyHasBegun: boolean;
}

/**
 * Gives the claim back and takes one on another instance when the request may be sent again: anything that was never sent; an
 * idempotent request without a body whose connection broke before any byte of an answer (the classic case: a reused connection
 * that the service was just closing), then on the same instance if there is no other. The deployment is chosen anew: the one that is
 * live now, also for what failed on a canary. All within the service's budget of second attempts.
 *
 * @returns whether there is a new claim
 */
export function claimAgain(exchange: Exchange, attempt: BrokenAttempt, nowMs: number): boolean {
  const before = exchange.claim;
  if (before === null) return false;
  if (!attempt.wasSent) before.refused();
  if (!exchange.isWanted) return false;
  const maySend = attempt.wasSent
    ? exchange.retries === 0 && isRepeatable(exchange)
    : exchange.retries < UNSENT_RETRIES_MAX && !attempt.bodyHasBegun;
  if (!maySend) return false;
  const claim = claimAnew(exchange, before, attempt.wasSent, nowMs);
  if (typeof claim === 'string') return false;
  const isElsewhere = claim.deployment !== before.deployment;
  if (!isAffordable(before, claim, isElsewhere)) {
    if (isElsewhere) claim.deployment.breaker.withdraw();
    claim.release();
    return false;
  }
  if (isElsewhere) {
    before.deployment.breaker.settle(true, nowMs);
    exchange.bucket = LIVE_BUCKET;
  }
  before.release();
  exchange.claim = claim;
  exchange.retries += 1;
  return true;
}

function claimAnew(exchange: Exchange, before: Claim, mayBeTheSame: boolean, nowMs: number): Claim | Unclaimed {
  const { service, deployment, instance } = before;
  const { live } = service;
  if (deployment === live || exchange.bucket === PREVIEW_BUCKET) {
    const claim = claimInstance(service, exchange.bucket, instance, nowMs);
    return claim === 'no-instance' && mayBeTheSame ? claimInstance(service, exchange.bucket, null, nowMs) : claim;
  }
  if (live === null || live.breaker.admit(nowMs) > 0) return 'no-instance';
  const claim = claimInstance(service, LIVE_BUCKET, instance, nowMs);
  if (typeof claim === 'string') live.breaker.withdraw();
  return claim;
}

/**
 * What an instance that has been given up had under way may go to one that answers in any case: all of it comes at once, and is no
 * more work than before. Everything else is paid for, what was never sent too: in an outage nobody is left who answers, and each
 * client's request would become three.
 */
function isAffordable(before: Claim, next: Claim, isElsewhere: boolean): boolean {
  const budget = next.service.retryBudget;
  const isMoved = (before.instance.ejection.isEjected || isElsewhere) && next.instance.ejection.isTrusted;
  return isMoved ? budget.borrow() : budget.take();
}

/** A claim beside the one there is, on another instance of the same deployment; null when there is none, or no budget for it. */
export function claimBeside(exchange: Exchange, nowMs: number): Claim | null {
  const { service, deployment, instance } = exchange.claim!;
  if (service.choose(exchange.bucket) !== deployment) return null;
  const claim = claimInstance(service, exchange.bucket, instance, nowMs);
  if (typeof claim === 'string') return null;
  if (service.retryBudget.takeForHedge()) return claim;
  claim.release();
  return null;
}

/** The claimed instance failed, `afterMs` after it was asked: it gets less to do for a while, and its deployment is judged by it. */
export function punish(claim: Claim, afterMs: number, nowMs: number): void {
  claim.failed(afterMs, nowMs);
}

/** This process has no descriptor, port or memory left for a connection. */
export const isOwnShortage = (error: NodeJS.ErrnoException): boolean => OWN_SHORTAGES.has(error.code ?? '');
const OWN_SHORTAGES = new Set(['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'EADDRNOTAVAIL']);

/** What the client is told of a failed attempt. */
export const refusalOf = (wasSent: boolean): Refusal =>
  wasSent ? refuse(errors.UPSTREAM_BROKE) : refuse(errors.UPSTREAM_UNREACHABLE, { retryAfterSeconds: 1 });
