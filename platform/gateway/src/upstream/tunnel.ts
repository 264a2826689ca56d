/** Passes a WebSocket through: the handshake as a request like any other, then bytes both ways as they come. */
import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Exchange, Runner } from '../exchange.ts';
import { outgoingAnswer } from '../message/outgoing-answer.ts';
import { fieldsOf } from '../message/fields.ts';
import { outgoingLines } from '../message/outgoing-request.ts';
import { allowedLookup } from '../routing/instance.ts';
import type { Claim } from '../routing/claim.ts';
import type { Forwarding } from '../stages/forward.ts';
import type { Way } from '../way.ts';
import type { Watched } from './deadlines.ts';
import { claimAgain, punish, refusalOf } from './failures.ts';
import { closeFrame, FrameBorder } from './frame-border.ts';
import type { OpenStream, StreamEnd } from './open-streams.ts';

/** RFC 6455 section 7.4 and its registry: Service Restart asks to reconnect, Policy Violation does not. */
const CLOSE_CODES: Readonly<Record<StreamEnd, number>> = {
  'session-ended': 1008,
  'instance-left': 1012,
  'gateway-stops': 1012,
};
/** Longest silence of a service that declined. WebSockets may be silent for ever. */
const SILENCE_MS = 300_000;
/** How long the closing handshake may take before both sides are cut. */
const CLOSING_MS = 2_000;

export class Tunnel implements Watched, OpenStream, Runner {
  readonly sessionId: string | null;
  place = -1;
  private readonly exchange: Exchange;
  private readonly way: Way;
  private readonly around: Forwarding;
  private readonly headers: string[];
  private readonly client: Duplex;
  private outgoing: ClientRequest | null = null;
  private service: Duplex | null = null;
  /** What the service answers instead of a WebSocket. */
  private answer: IncomingMessage | null = null;
  private wasSent = false;
  private isDone = false;
  private isOpen = false;
  private sinceMs = 0;
  private readonly border = new FrameBorder();
  private closeCode = 0;
  private cutAtMs = Infinity;
  private isCutting = false;

  constructor(exchange: Exchange, way: Way, around: Forwarding) {
    this.exchange = exchange;
    this.way = way;
    this.around = around;
    this.client = exchange.upgrade!.stream;
    this.headers = [...fieldsOf(outgoingLines(exchange), 0)!, 'connection', 'Upgrade', 'upgrade', 'websocket'];
    this.sessionId = exchange.identityToken === '' ? null : (exchange.grant?.sessionId ?? null);
  }

  get claim(): Claim {
    return this.exchange.claim!;
  }

  begin(): void {
    this.exchange.runner = this;
    this.around.deadlines.add(this);
    this.attempt();
  }

  private attempt(): void {
    const { exchange } = this;
    const { host, port } = exchange.claim!.instance;
    this.sinceMs = this.around.nowMs();
    this.wasSent = false;
    const outgoing = httpRequest({
      agent: false,
      host,
      port,
      lookup: allowedLookup,
      method: exchange.method,
      path: exchange.path + exchange.query,
      headers: this.headers,
      setHost: false,
    });
    this.outgoing = outgoing;
    outgoing.setTimeout(SILENCE_MS, () => outgoing.destroy());
    outgoing.on('socket', (socket) => socket.once('connect', () => (this.wasSent = true)));
    outgoing.on('error', () => this.broken(outgoing));
    outgoing.on('response', (answer) => this.declined(answer));
    outgoing.on('upgrade', (answer: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.accepted(answer, socket, head),
    );
    outgoing.end();
  }

  private broken(outgoing: ClientRequest): void {
    if (this.isDone || this.isOpen || outgoing !== this.outgoing) return;
    const nowMs = this.around.nowMs();
    punish(this.claim, nowMs - this.sinceMs, nowMs);
    if (this.exchange.client.hasHead) {
      this.finish(true);
      this.client.destroy();
      return;
    }
    if (claimAgain(this.exchange, { wasSent: this.wasSent, bodyHasBegun: false }, nowMs)) return this.attempt();
    this.give(refusalOf(this.wasSent), true);
  }

  /** The service answers like any other request: no WebSocket here. */
  private declined(answer: IncomingMessage): void {
    const { exchange, around } = this;
    if (this.isDone) return void answer.destroy();
    const status = answer.statusCode ?? 502;
    exchange.status = status;
    this.claim.answered(status, around.nowMs() - this.sinceMs);
    this.settle(status === 502 || status === 503 || status === 504);
    const { headers, isEventStream } = outgoingAnswer(exchange, status, answer.rawHeaders, around.cors);
    const { client } = exchange;
    client.begin(status, '', headers, -1);
    client.flush();
    this.answer = answer;
    answer.on('data', (chunk: Buffer) => {
      exchange.bytesOut += chunk.length;
      if (client.write(chunk)) return;
      answer.pause();
      client.onDrain(() => answer.resume());
    });
    answer.on('end', () => client.end());
    answer.on('error', () => {
      this.claim.failed(0);
      this.client.destroy();
    });
    this.sinceMs = Infinity;
    // Nobody reads the connection since the upgrade: what still comes is thrown away, so that the client's leaving is noticed.
    this.client.on('end', () => this.client.destroy());
    this.client.resume();
    if (isEventStream) around.streams.add(this);
  }

  private accepted(answer: IncomingMessage, service: Duplex, head: Buffer): void {
    service.on('error', ignore);
    if (this.isDone) return void service.destroy();
    const { exchange, around, client } = this;
    this.isOpen = true;
    this.service = service;
    this.outgoing?.setTimeout(0);
    this.settle(false);
    exchange.status = 101;
    this.claim.answered(101, around.nowMs() - this.sinceMs);
    const { headers } = outgoingAnswer(exchange, 101, answer.rawHeaders, around.cors);
    exchange.upgrade!.accept(headers);
    this.claim.becomeStream();
    around.streams.add(this);
    service.on('data', (chunk: Buffer) => this.toClient(chunk));
    client.on('data', (chunk: Buffer) => this.toService(chunk));
    client.on('drain', () => service.resume());
    service.on('drain', () => client.resume());
    service.on('end', () => this.halfClosed());
    client.on('end', () => this.halfClosed());
    service.on('close', () => this.closed());
    client.on('close', () => this.closed());
    if (head.length > 0) this.toClient(head);
    if (exchange.upgrade!.head.length > 0) this.toService(exchange.upgrade!.head);
    service.resume();
    client.resume();
  }

  private toClient(chunk: Buffer): void {
    if (this.cutAtMs !== Infinity) return;
    this.exchange.bytesOut += chunk.length;
    this.border.feed(chunk);
    if (!this.client.write(chunk)) this.service?.pause();
    if (this.closeCode !== 0) this.sayGoodbye();
  }

  private toService(chunk: Buffer): void {
    this.exchange.bytesIn += chunk.length;
    if (this.service?.write(chunk) === false) this.client.pause();
  }

  /** One side has closed: so does the other, after what is still on its way, or is cut. */
  private closed(): void {
    if (this.isDone) return;
    this.finish(false);
    this.halfClosed();
    this.way.close(this.exchange);
  }

  /** One side sends nothing more, and so a WebSocket has ended: whoever keeps his side open is not waited for. */
  private halfClosed(): void {
    this.client.end();
    this.service?.end();
    if (this.isCutting) return;
    this.isCutting = true;
    const cut = setTimeout(() => {
      this.client.destroy();
      this.service?.destroy();
    }, CLOSING_MS);
    cut.unref();
  }

  /**
   * Tells the client by a close frame, between two frames of the service; its answer to that closes the service's side. An event
   * stream in place of a WebSocket ends as its server would end it.
   */
  end(why: StreamEnd): void {
    if (this.isDone || this.closeCode !== 0) return;
    if (this.answer !== null) {
      const { answer } = this;
      this.answer = null;
      answer.removeAllListeners('data');
      answer.destroy();
      this.exchange.client.end();
      return;
    }
    this.closeCode = CLOSE_CODES[why];
    this.sinceMs = this.around.nowMs();
    this.sayGoodbye();
  }

  private sayGoodbye(): void {
    if (!this.border.isReached || this.cutAtMs !== Infinity) return;
    this.cutAtMs = this.around.nowMs() + CLOSING_MS;
    this.client.write(closeFrame(this.closeCode));
  }

  checkDeadline(nowMs: number): void {
    if (this.isOpen) {
      if (this.closeCode === 0 || nowMs < Math.min(this.cutAtMs, this.sinceMs + 2 * CLOSING_MS)) return;
      this.client.destroy();
      this.service?.destroy();
      return;
    }
    const { timeoutMs } = this.exchange.route!.policy;
    if (nowMs - this.sinceMs < timeoutMs) return;
    punish(this.claim, nowMs - this.sinceMs, nowMs);
    this.give(refuse(errors.UPSTREAM_TIMEOUT, { detail: `No answer within ${timeoutMs} ms` }), true);
  }

  responseClosed(): void {
    if (this.isDone) return;
    this.finish(false);
    this.outgoing?.destroy();
    this.service?.destroy();
  }

  private give(refusal: Refusal, failed: boolean): void {
    this.finish(failed);
    this.outgoing?.destroy();
    this.way.refuse(this.exchange, refusal);
  }

  private isSettled = false;
  private settle(failed: boolean): void {
    if (this.isSettled) return;
    this.isSettled = true;
    this.exchange.claim?.deployment.breaker.settle(failed, this.around.nowMs());
  }

  private finish(failed: boolean): void {
    this.isDone = true;
    this.around.deadlines.remove(this);
    this.around.streams.remove(this);
    if (failed) this.settle(true);
    else if (!this.isSettled) this.exchange.claim?.deployment.breaker.withdraw();
    this.isSettled = true;
    this.exchange.claim?.release();
  }
}

function ignore(): void {}
