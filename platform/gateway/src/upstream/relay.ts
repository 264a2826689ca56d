/** Carries one request to an instance and its answer back, streaming both ways; undici calls it as things happen. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import type { Dispatcher } from 'undici';
import { errors } from '../errors.ts';
import type { Exchange, Runner } from '../exchange.ts';
import { outgoingAnswer, outgoingTrailers } from '../message/outgoing-answer.ts';
import { outgoingHeaders } from '../message/outgoing-request.ts';
import type { Claim } from '../routing/claim.ts';
import type { Forwarding } from '../stages/forward.ts';
import type { Way } from '../way.ts';
import type { Watched } from './deadlines.ts';
import { claimAgain, punish, refusalOf } from './failures.ts';
import type { OpenStream, StreamEnd } from './open-streams.ts';
import { RequestBody } from './request-body.ts';
import type { BodyWatcher } from './request-body.ts';

/** Longest silence of a client that is sending a body. */
const BODY_IDLE_MS = 60_000;
/** Longest silence of an answer that has begun, of either side. Event streams have no limit. */
const ANSWER_IDLE_MS = 300_000;

/** A body up to this length goes out together with its head. */
const ONE_WRITE_MAX_BYTES = 16_384;

/** `sending` its body, `waiting` for the head of the answer, `answering`, `streaming` events, `done`. */
type Phase = 'sending' | 'waiting' | 'answering' | 'streaming' | 'done';

export class Relay implements Dispatcher.DispatchHandler, Watched, BodyWatcher, OpenStream, Runner {
  readonly sessionId: string | null;
  private readonly exchange: Exchange;
  private readonly way: Way;
  private readonly around: Forwarding;
  private readonly headers: string[];
  private readonly bodyLimitBytes: number;
  private readonly timeoutMs: number;
  private body: RequestBody | null = null;
  private controller: Dispatcher.DispatchController | null = null;
  private phase: Phase = 'waiting';
  /** When the wait of this phase began, or last heard of somebody. */
  private sinceMs = 0;
  private attemptedAtMs = 0;
  private wasSent = false;
  private hasAnswer = false;
  private isSettled = false;
  private isHeadPending = false;
  private awaitsDrain = false;
  private hearsDrain = false;
  /** Bytes that the declared length still owes; -1 when none was declared. */
  private bytesLeft = -1;

  constructor(exchange: Exchange, way: Way, around: Forwarding) {
    this.exchange = exchange;
    this.way = way;
    this.around = around;
    this.headers = outgoingHeaders(exchange);
    if (exchange.contentLength > 0) this.headers.push('content-length', String(exchange.contentLength));
    const { policy } = exchange.route!;
    this.bodyLimitBytes = policy.bodyLimitBytes ?? Infinity;
    this.timeoutMs = policy.timeoutMs;
    this.sessionId = exchange.identityToken === '' ? null : (exchange.grant?.sessionId ?? null);
  }

  get claim(): Claim {
    return this.exchange.claim!;
  }

  begin(): void {
    const { exchange } = this;
    exchange.runner = this;
    this.around.deadlines.add(this);
    if (exchange.expectsContinue) exchange.response.writeContinue();
    if (exchange.hasBody) this.body = new RequestBody(exchange.request, this);
    this.attempt();
  }

  private attempt(): void {
    const { exchange, body } = this;
    this.wasSent = false;
    this.hasAnswer = false;
    this.controller = null;
    this.phase = body === null ? 'waiting' : 'sending';
    this.sinceMs = this.attemptedAtMs = this.around.nowMs();
    const path = exchange.query === '' ? exchange.path : exchange.path + exchange.query;
    const { method } = exchange;
    exchange.claim!.instance.pool.dispatch({ path, method, headers: this.headers, body, reset: false }, this);
  }

  // What undici tells.

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller;
    this.wasSent = true;
    if (this.phase === 'done') controller.abort(new Error('nobody waits for the answer'));
  }

  onResponseStarted(): void {
    this.hasAnswer = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    _headers: unknown,
    statusText?: string,
  ): void {
    // Interim answers (103) are for this hop: browsers get no early hints over HTTP/1.1.
    if (status < 200 || this.phase === 'done') return;
    const { exchange, around } = this;
    const { response } = exchange;
    this.settle(status === 502 || status === 503 || status === 504);
    const nowMs = around.nowMs();
    const latencyMs = nowMs - this.attemptedAtMs;
    this.claim.answered(status, latencyMs, nowMs);
    const raw = (controller.rawHeaders ?? []) as (Buffer | string)[];
    const head = outgoingAnswer(exchange, status, raw, around.cors);
    exchange.status = status;
    if (!exchange.request.complete && this.body !== null) {
      head.headers.push('connection', 'close');
      exchange.connection.closeAfterAnswer();
    }
    this.bytesLeft = exchange.method === 'HEAD' || status === 304 ? -1 : head.contentLength;
    if (statusText === undefined || statusText === '') response.writeHead(status, head.headers);
    else response.writeHead(status, statusText, head.headers);
    this.phase = head.isEventStream ? 'streaming' : 'answering';
    this.sinceMs = nowMs;
    if (head.isEventStream) around.streams.add(this);
    // The head goes out together with the first bytes of the body if they are here already.
    this.isHeadPending = true;
    process.nextTick(flushHead, this);
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.phase === 'done') return;
    const { exchange } = this;
    const { response } = exchange;
    const isFirst = this.isHeadPending;
    this.sinceMs = this.around.deadlines.coarseNowMs;
    this.isHeadPending = false;
    exchange.bytesOut += chunk.length;
    if (this.bytesLeft !== -1) {
      this.bytesLeft -= chunk.length;
      if (this.bytesLeft === 0) {
        // As a string it is joined to the head: one write instead of a gather of two.
        if (isFirst && chunk.length <= ONE_WRITE_MAX_BYTES) response.end(chunk.toString('latin1'), 'latin1');
        else response.end(chunk);
        return;
      }
    }
    if (response.write(chunk)) return;
    controller.pause();
    this.awaitsDrain = true;
    if (this.hearsDrain) return;
    this.hearsDrain = true;
    response.on('drain', () => {
      this.sinceMs = this.around.deadlines.coarseNowMs;
      if (!this.awaitsDrain) return;
      this.awaitsDrain = false;
      this.controller?.resume();
    });
  }

  onResponseEnd(controller: Dispatcher.DispatchController): void {
    if (this.phase === 'done') return;
    const { exchange } = this;
    const { response } = exchange;
    this.finish();
    const trailers = controller.rawTrailers as (Buffer | string)[] | null | undefined;
    if (exchange.acceptsTrailers && trailers != null && trailers.length > 0)
      response.addTrailers(outgoingTrailers(trailers));
    if (!response.writableEnded) response.end();
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, _error: Error): void {
    if (this.phase === 'done') return;
    const { exchange, around } = this;
    // It is the client who left, in the middle of its body.
    if (!exchange.isWanted) return this.stop();
    const nowMs = around.nowMs();
    punish(exchange, nowMs - this.attemptedAtMs, nowMs);
    if (exchange.response.headersSent) {
      exchange.errorCode = errors.UPSTREAM_BROKE.code;
      this.finish();
      this.cutClient();
      return;
    }
    const bodyHasBegun = this.body?.hasBegun === true;
    if (!this.hasAnswer && claimAgain(exchange, { wasSent: this.wasSent, bodyHasBegun }, nowMs)) return this.attempt();
    this.fail(refusalOf(this.wasSent));
  }

  // What the body tells.

  bodyArrived(bytes: number): boolean {
    this.exchange.bytesIn += bytes;
    this.sinceMs = this.around.deadlines.coarseNowMs;
    if (this.exchange.bytesIn <= this.bodyLimitBytes) return true;
    this.give(refuse(errors.BODY_TOO_LARGE, { detail: `At most ${this.bodyLimitBytes} bytes` }));
    return false;
  }

  bodyEnded(): void {
    if (this.phase !== 'sending') return;
    this.phase = 'waiting';
    this.sinceMs = this.around.nowMs();
  }

  // What others tell.

  checkDeadline(nowMs: number): void {
    const waitedMs = nowMs - this.sinceMs;
    if (this.phase === 'sending' && this.body?.hasBegun === true) {
      if (waitedMs < BODY_IDLE_MS) return;
      if (this.body.waitsForClient) this.give(refuse(errors.REQUEST_TIMEOUT));
      else this.timeOut(refuse(errors.UPSTREAM_TIMEOUT), nowMs);
    } else if (this.phase === 'waiting' || this.phase === 'sending') {
      if (waitedMs < this.timeoutMs) return;
      this.timeOut(refuse(errors.UPSTREAM_TIMEOUT, { detail: `No answer within ${this.timeoutMs} ms` }), nowMs);
    } else if (this.phase === 'answering' && waitedMs >= ANSWER_IDLE_MS) {
      this.stop();
      this.cutClient();
    }
  }

  /** The client has got its answer, or has gone. */
  responseClosed(): void {
    if (this.phase === 'done') return;
    if (!this.exchange.response.writableFinished && this.exchange.status < 400) this.exchange.errorCode = 'CLIENT_GONE';
    this.stop();
  }

  /** Ends an event stream as its server would: the client reconnects, and learns what has become of its session. */
  end(_why: StreamEnd): void {
    if (this.phase !== 'streaming') return;
    this.stop();
    this.exchange.response.end();
  }

  private timeOut(refusal: Refusal, nowMs: number): void {
    punish(this.exchange, nowMs - this.attemptedAtMs, nowMs);
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
    this.body?.destroy();
    this.controller?.abort(new Error('given up'));
  }

  /** The instance has no more to do with this request. */
  private finish(): void {
    this.phase = 'done';
    this.around.deadlines.remove(this);
    this.around.streams.remove(this);
    if (!this.isSettled) this.exchange.claim?.deployment.breaker.withdraw();
    this.isSettled = true;
    this.exchange.claim?.release();
  }

  private settle(failed: boolean): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.exchange.claim?.deployment.breaker.settle(failed, this.around.nowMs());
  }

  /** What has been sent is not the whole answer, and the client must not take it for that (never a silently short body). */
  private cutClient(): void {
    const { response, request } = this.exchange;
    // Without a length and without chunks, only a reset tells the end from a break.
    if (request.httpVersionMinor === 0 && this.bytesLeft === -1) request.socket.resetAndDestroy();
    response.destroy();
  }

  flush(): void {
    if (!this.isHeadPending || this.phase === 'done') return;
    this.isHeadPending = false;
    this.exchange.response.flushHeaders();
  }
}

function flushHead(relay: Relay): void {
  relay.flush();
}
