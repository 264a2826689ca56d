/** What a broken attempt means for its request: whether it may be sent again, and what the client is told. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { claimInstance } from '../routing/claim.ts';
import { FAILURE_COUNTS_AS_MS } from '../routing/latency.ts';

/** Attempts besides the first one when nothing was sent; when something was, there is one. */
const UNSENT_RETRIES_MAX = 2;
/** RFC 9110 section 9.2.2: doing it twice is the same as doing it once. */
const IDEMPOTENT = new Set(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']);

export interface Attempt {
  /** Whether a byte of the request may have reached the instance. */
  readonly wasSent: boolean;
  /** Whether a byte of the body was taken from the client. */
  readonly bodyHasBegun: boolean;
}

/**
 * Gives the claim back and takes one on another instance when the request may be sent again: anything that was never sent; an
 * idempotent request without a body whose connection broke before any byte of an answer (the classic case: a reused connection
 * that the service was just closing), then on the same instance if there is no other.
 *
 * @returns whether there is a new claim
 */
export function claimAgain(exchange: Exchange, attempt: Attempt, nowMs: number): boolean {
  const before = exchange.claim;
  if (before === null || !exchange.isWanted) return false;
  const maySend = attempt.wasSent
    ? exchange.retries === 0 && IDEMPOTENT.has(exchange.method) && !exchange.hasBody && exchange.upgrade === null
    : exchange.retries < UNSENT_RETRIES_MAX && !attempt.bodyHasBegun;
  if (!maySend) return false;
  let claim = claimInstance(before.service, before.instance, nowMs);
  if (claim === 'no-instance' && attempt.wasSent) claim = claimInstance(before.service, null, nowMs);
  if (typeof claim === 'string') return false;
  before.release();
  exchange.claim = claim;
  exchange.retries += 1;
  return true;
}

/** The claimed instance failed: it gets less to do for a while. */
export function punish(exchange: Exchange, nowMs: number): void {
  exchange.claim?.instance.latency.observe(FAILURE_COUNTS_AS_MS, nowMs);
}

/** What the client is told of a failed attempt. */
export const refusalOf = (wasSent: boolean): Refusal =>
  wasSent ? refuse(errors.UPSTREAM_BROKE) : refuse(errors.UPSTREAM_UNREACHABLE, { retryAfterSeconds: 1 });
