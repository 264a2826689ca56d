/** Carries one request to an instance and its answer back, streaming both ways, and decides what is tried again. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { BodyReader } from '../door/client-side.ts';
import { errors } from '../errors.ts';
import type { Exchange, Runner } from '../exchange.ts';
import { outgoingAnswer, outgoingTrailers } from '../message/outgoing-answer.ts';
import { outgoingHead } from '../message/outgoing-request.ts';
import type { Claim } from '../routing/claim.ts';
import type { Forwarding } from '../stages/forward.ts';
import type { Way } from '../way.ts';
import { Attempt } from './attempt.ts';
import type { AttemptWatcher } from './attempt.ts';
import type { OutgoingHead } from './connection.ts';
import type { Watched } from './deadlines.ts';
import { claimAgain, claimBeside, isOwnShortage, isRepeatable, punish, refusalOf } from './failures.ts';
import type { OpenStream, StreamEnd } from './open-streams.ts';
import { Pace } from './pace.ts';

/** Longest silence of an answer that has begun, of either side. Event streams have no limit. */
const ANSWER_IDLE_MS = 300_000;
/** Longest silence of a client that is sending a body, or of a service that takes it. */
const BODY_IDLE_MS = 60_000;

/** Reading only: what it asks for may be done twice at the same time. */
const MAY_HEDGE = new Set(['GET', 'HEAD']);

/** `sending` its body, `waiting` for the head of the answer, `answering`, `streaming` events, `done`. */
type Phase = 'sending' | 'waiting' | 'answering' | 'streaming' | 'done';

export class Relay implements AttemptWatcher, Watched, BodyReader, OpenStream, Runner {
  readonly sessionId: string | null;
  place = -1;
  private readonly exchange: Exchange;
  private readonly way: Way;
  private readonly around: Forwarding;
  private readonly head: OutgoingHead;
  private attempt: Attempt | null = null;
  /** A second one beside it, when the first takes long; the first answer counts. */
  private hedge: Attempt | null = null;
  private hedgeTimer: NodeJS.Timeout | null = null;
  private pace: Pace | null = null;
  private phase: Phase = 'waiting';
  /** When the wait of this phase began, or last heard of somebody. */
  private sinceMs = 0;
  private bodyHasBegun = false;
  /** The service takes the body more slowly than the client sends it. */
  private isBodyPaused = false;
  private isSettled = false;
  /** The client takes the answer more slowly than the service sends it. */
  private awaitsDrain = false;

  constructor(exchange: Exchange, way: Way, around: Forwarding) {
    this.exchange = exchange;
    this.way = way;
    this.around = around;
    this.head = outgoingHead(exchange);
    this.sessionId = exchange.identityToken === '' ? null : (exchange.grant?.sessionId ?? null);
  }

  get claim(): Claim {
    return this.exchange.claim!;
  }

  begin(): void {
    const { exchange } = this;
    exchange.runner = this;
    this.around.deadlines.add(this);
    if (exchange.expectsContinue) exchange.client.sendContinue();
    this.try();
  }

  private try(): void {
    const { exchange } = this;
    const nowMs = this.around.nowMs();
    this.phase = exchange.hasBody ? 'sending' : 'waiting';
    this.sinceMs = nowMs;
    this.attempt = new Attempt(this, exchange.claim!, nowMs);
    this.attempt.begin(isRepeatable(exchange));
    const { hedgeAfterMs } = exchange.route!.policy;
    if (hedgeAfterMs !== undefined && this.hedgeTimer === null && MAY_HEDGE.has(exchange.method) && !exchange.hasBody)
      this.hedgeTimer = setTimeout(() => this.tryBeside(), hedgeAfterMs);
  }

  /** The answer takes long: another instance is asked too. */
  private tryBeside(): void {
    if (this.phase !== 'waiting') return;
    const nowMs = this.around.nowMs();
    const claim = claimBeside(this.exchange, nowMs);
    if (claim === null) return;
    this.exchange.retries += 1;
    this.hedge = new Attempt(this, claim, nowMs);
    this.hedge.begin(true);
  }

  /** The other one of two attempts goes on alone. */
  private drop(attempt: Attempt): void {
    const other = attempt === this.attempt ? this.hedge! : this.attempt!;
    this.hedge = null;
    this.attempt = other;
    this.exchange.claim = other.claim;
    attempt.giveUp();
    attempt.claim.release();
  }

  // What the attempt tells.

  attemptReady(attempt: Attempt): void {
    const { exchange, head } = this;
    const connection = attempt.connection!;
    if (!exchange.hasBody) return connection.send(head);
    connection.begin(head, exchange.isChunked);
    this.bodyHasBegun = true;
    exchange.client.readBody(this);
    // The first bytes of a body are mostly here by then, and leave together with the head.
    process.nextTick(flushHead, attempt);
  }

  attemptAnswers(attempt: Attempt, status: number, reason: string, rawHeaders: string[], bodyLength: number): void {
    if (this.phase === 'done') return;
    const { exchange, around } = this;
    const { client } = exchange;
    const nowMs = around.nowMs();
    const latencyMs = nowMs - attempt.startedAtMs;
    attempt.claim.answered(status, latencyMs, nowMs);
    const isFailure = status === 502 || status === 503 || status === 504;
    if (this.hedge !== null) {
      if (isFailure) return this.drop(attempt);
      const slower = attempt === this.attempt ? this.hedge : this.attempt!;
      // So long it takes at least: an instance that hangs must not look idle.
      slower.claim.instance.latency.observe(nowMs - slower.startedAtMs, nowMs);
      this.drop(slower);
    }
    this.settle(isFailure);
    const head = outgoingAnswer(exchange, status, rawHeaders, around.cors);
    exchange.status = status;
    if (exchange.hasBody && !client.hasWholeBody) client.closeAfter();
    client.begin(status, reason, head.headers, bodyLength);
    this.phase = head.isEventStream ? 'streaming' : 'answering';
    this.sinceMs = nowMs;
    if (!head.isEventStream) return;
    this.claim.becomeStream();
    around.streams.add(this);
  }

  attemptData(attempt: Attempt, piece: Buffer): void {
    if (this.phase === 'done') return;
    const { exchange } = this;
    this.sinceMs = this.around.deadlines.coarseNowMs;
    exchange.bytesOut += piece.length;
    if (exchange.client.write(piece)) return;
    attempt.connection!.pause();
    this.awaitsDrain = true;
    exchange.client.onDrain(() => {
      this.sinceMs = this.around.deadlines.coarseNowMs;
      if (!this.awaitsDrain) return;
      this.awaitsDrain = false;
      this.attempt?.connection?.resume();
    });
  }

  attemptPauses(): void {
    if (this.phase !== 'done') this.exchange.client.flush();
  }

  attemptDrains(): void {
    if (!this.isBodyPaused || this.phase === 'done') return;
    this.isBodyPaused = false;
    this.sinceMs = this.around.deadlines.coarseNowMs;
    this.exchange.client.resumeBody();
  }

  attemptEnds(attempt: Attempt, trailers: readonly string[]): void {
    if (this.phase === 'done') return;
    const { exchange } = this;
    const { client } = exchange;
    this.finish();
    if (exchange.hasBody) {
      if (!client.hasWholeBody) attempt.giveUp();
      // Its end may be here, and wait for an instance that takes no more: it would keep the next request waiting.
      client.discardBody();
    }
    client.end(exchange.acceptsTrailers && trailers.length > 0 ? outgoingTrailers(trailers) : undefined);
  }

  attemptBreaks(attempt: Attempt, error: Error): void {
    if (this.phase === 'done') return;
    const { exchange, around } = this;
    // It is the client who left, in the middle of its body.
    if (!exchange.isWanted) return this.stop();
    // Nothing was sent, and no instance is to blame.
    if (isOwnShortage(error)) return this.give(refuse(errors.OVERLOADED, { retryAfterSeconds: 1 }));
    const nowMs = around.nowMs();
    punish(attempt.claim, nowMs - attempt.startedAtMs, nowMs);
    if (this.hedge !== null) return this.drop(attempt);
    if (exchange.client.hasHead) {
      exchange.errorCode = errors.UPSTREAM_BROKE.code;
      this.finish();
      exchange.client.cut();
      return;
    }
    const { wasSent, hasAnswer } = attempt;
    if (!hasAnswer && claimAgain(exchange, { wasSent, bodyHasBegun: this.bodyHasBegun }, nowMs)) return this.try();
    this.fail(refusalOf(wasSent));
  }

  // What the body tells.

  bodyData(piece: Buffer): void {
    if (this.phase === 'done') return;
    const { exchange } = this;
    exchange.bytesIn += piece.length;
    this.sinceMs = this.around.deadlines.coarseNowMs;
    const { bodyLimitBytes } = exchange.route!.policy;
    if (bodyLimitBytes !== undefined && exchange.bytesIn > bodyLimitBytes)
      return this.give(refuse(errors.BODY_TOO_LARGE, { detail: `At most ${bodyLimitBytes} bytes` }));
    if (this.attempt!.connection!.write(piece)) return;
    this.isBodyPaused = true;
    exchange.client.pauseBody();
  }

  bodyEnded(): void {
    if (this.phase === 'done') return;
    this.attempt!.connection!.finish();
    if (this.phase !== 'sending') return;
    this.phase = 'waiting';
    this.sinceMs = this.around.nowMs();
  }

  bodyBroken(): void {
    if (this.phase !== 'done') this.stop();
  }

  // What others tell.

  checkDeadline(nowMs: number): void {
    const waitedMs = nowMs - this.sinceMs;
    if (this.isClientTooSlow(nowMs)) {
      if (this.phase === 'sending')
        return this.give(refuse(errors.REQUEST_TIMEOUT, { detail: 'The body came too slowly' }));
      this.exchange.errorCode = errors.REQUEST_TIMEOUT.code;
      this.stop();
      return this.exchange.client.cut();
    }
    if (this.phase === 'sending' && this.bodyHasBegun) {
      if (waitedMs < BODY_IDLE_MS) return;
      if (this.isBodyPaused) this.timeOut(refuse(errors.UPSTREAM_TIMEOUT), nowMs);
      else this.give(refuse(errors.REQUEST_TIMEOUT));
    } else if (this.phase === 'waiting' || this.phase === 'sending') {
      const { timeoutMs } = this.exchange.route!.policy;
      if (waitedMs < timeoutMs) return;
      this.timeOut(refuse(errors.UPSTREAM_TIMEOUT, { detail: `No answer within ${timeoutMs} ms` }), nowMs);
    } else if (this.phase === 'answering' && waitedMs >= ANSWER_IDLE_MS) {
      this.stop();
      this.exchange.client.cut();
    }
  }

  private isClientTooSlow(nowMs: number): boolean {
    const { exchange, phase } = this;
    const { client } = exchange;
    const isSending = phase === 'sending' && this.bodyHasBegun;
    const isWaitedFor = isSending ? !this.isBodyPaused : this.awaitsDrain && client.isItsTurn;
    this.claim.heldByClient(isWaitedFor);
    if (!isSending && !isWaitedFor) return false;
    this.pace ??= new Pace(this.around.pace);
    const bytes = isSending ? exchange.bytesIn : exchange.bytesOut - client.waitingBytes;
    return this.pace.isTooSlow(isWaitedFor, bytes, nowMs);
  }

  /** The client has got its answer, or has gone. */
  responseClosed(): void {
    if (this.phase === 'done') return;
    if (!this.exchange.client.isAnswered && this.exchange.status < 400) this.exchange.errorCode = 'CLIENT_GONE';
    this.stop();
  }

  /** Ends an event stream as its server would: the client reconnects, and learns what has become of its session. */
  end(_why: StreamEnd): void {
    if (this.phase !== 'streaming') return;
    this.stop();
    this.exchange.client.end();
  }

  private timeOut(refusal: Refusal, nowMs: number): void {
    for (const attempt of [this.attempt, this.hedge])
      if (attempt !== null) punish(attempt.claim, nowMs - attempt.startedAtMs, nowMs);
    this.fail(refusal);
  }

  /** The service is at fault. */
  private fail(refusal: Refusal): void {
    this.settle(true);
    this.give(refusal);
  }

  private give(refusal: Refusal): void {
    this.stop();
    this.way.refuse(this.exchange, refusal);
  }

  /** Gives up on the instance. */
  private stop(): void {
    this.finish();
    this.attempt?.giveUp();
    this.hedge?.giveUp();
    if (this.bodyHasBegun) this.exchange.client.discardBody();
  }

  /** The instance has no more to do with this request. */
  private finish(): void {
    this.phase = 'done';
    this.awaitsDrain = false;
    this.around.deadlines.remove(this);
    this.around.streams.remove(this);
    if (!this.isSettled) this.exchange.claim?.deployment.breaker.withdraw();
    this.isSettled = true;
    this.exchange.claim?.release();
    this.hedge?.claim.release();
    if (this.hedgeTimer !== null) clearTimeout(this.hedgeTimer);
  }

  private settle(failed: boolean): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.exchange.claim?.deployment.breaker.settle(failed, this.around.nowMs());
  }
}

function flushHead(attempt: Attempt): void {
  attempt.connection?.flush();
}
