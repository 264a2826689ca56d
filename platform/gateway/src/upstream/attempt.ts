/** One try of a request on one instance: holds its claim and its connection, and tells the relay what comes of it. */
import type { Claim } from '../routing/claim.ts';
import type { AnswerHandler, UpstreamConnection } from './connection.ts';

/** Told by an attempt; nothing more is told after `give up`, nor after it has ended or broken. */
export interface AttemptWatcher {
  attemptReady(attempt: Attempt): void;
  attemptAnswers(attempt: Attempt, status: number, reason: string, rawHeaders: string[], bodyLength: number): void;
  attemptData(attempt: Attempt, piece: Buffer): void;
  attemptPauses(attempt: Attempt): void;
  attemptDrains(attempt: Attempt): void;
  attemptEnds(attempt: Attempt, trailers: readonly string[]): void;
  attemptBreaks(attempt: Attempt, error: Error): void;
}

export class Attempt implements AnswerHandler {
  readonly claim: Claim;
  readonly startedAtMs: number;
  /** Whether a byte of the request may have reached the instance. */
  wasSent = false;
  /** Whether a byte of its answer has come. */
  hasAnswer = false;
  connection: UpstreamConnection | null = null;
  private readonly watcher: AttemptWatcher;

  constructor(watcher: AttemptWatcher, claim: Claim, nowMs: number) {
    this.watcher = watcher;
    this.claim = claim;
    this.startedAtMs = nowMs;
  }

  /** @param isRepeatable whether doing the request twice is the same as doing it once, and it could be sent again */
  begin(isRepeatable: boolean): void {
    this.claim.instance.pool.take(this, isRepeatable);
  }

  giveUp(): void {
    this.connection?.giveUp();
  }

  onTaken(connection: UpstreamConnection): void {
    this.connection = connection;
  }

  onReady(): void {
    this.wasSent = true;
    this.watcher.attemptReady(this);
  }

  onHead(status: number, reason: string, rawHeaders: string[], bodyLength: number): void {
    this.watcher.attemptAnswers(this, status, reason, rawHeaders, bodyLength);
  }

  onData(piece: Buffer): void {
    this.watcher.attemptData(this, piece);
  }

  onPause(): void {
    this.watcher.attemptPauses(this);
  }

  onDrain(): void {
    this.watcher.attemptDrains(this);
  }

  onEnd(trailers: readonly string[]): void {
    this.watcher.attemptEnds(this, trailers);
  }

  onBroken(error: Error): void {
    this.watcher.attemptBreaks(this, error);
  }
}
