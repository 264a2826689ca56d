/** The event streams and WebSockets that are open, so that they end with their session, their deployment or the gateway. */
import type { Claim } from '../routing/claim.ts';
import type { Deployment } from '../routing/deployment.ts';
import type { Instance } from '../routing/instance.ts';

export type StreamEnd = 'session-ended' | 'instance-left' | 'gateway-stops';

export interface OpenStream {
  /** null when nobody is signed in on it. */
  readonly sessionId: string | null;
  readonly claim: Claim;
  /** Ends it in the way of its protocol; again does nothing. */
  end(why: StreamEnd): void;
}

const TICK_MS = 25;
/** A handful is sent away within a quarter of a second: whoever waits for the drain is not kept waiting. */
const TICKS_MIN = 10;
/** Clients come back at once, each with a connection and a handshake: not more than these in a tick, a thousand a second … */
const PER_TICK_MAX = 25;
/** … unless there are so many that it would take longer than ten seconds. */
const TICKS_MAX = 400;

export class OpenStreams {
  private readonly all = new Set<OpenStream>();
  private readonly bySession = new Map<string, Set<OpenStream>>();
  /** Those that are to be sent away, first come first served. */
  private readonly departing = new Set<OpenStream>();
  private perTick = 0;
  private isTicking = false;
  private isLeaving = false;
  private readonly after: (delayMs: number, run: () => void) => () => void;
  private readonly hasEnded: (sessionId: string) => boolean;

  constructor(after: (delayMs: number, run: () => void) => () => void, hasEnded: (sessionId: string) => boolean) {
    this.after = after;
    this.hasEnded = hasEnded;
  }

  get size(): number {
    return this.all.size;
  }

  /** Ends at once what opens for a session that has ended since it was let in, and soon what opens where no stream may stay. */
  add(stream: OpenStream): void {
    if (stream.sessionId !== null && this.hasEnded(stream.sessionId)) return stream.end('session-ended');
    this.all.add(stream);
    if (this.isLeaving || isLeft(stream)) this.depart(stream);
    if (stream.sessionId === null) return;
    const ofSession = this.bySession.get(stream.sessionId);
    if (ofSession === undefined) this.bySession.set(stream.sessionId, new Set([stream]));
    else ofSession.add(stream);
  }

  remove(stream: OpenStream): void {
    this.departing.delete(stream);
    if (!this.all.delete(stream) || stream.sessionId === null) return;
    const ofSession = this.bySession.get(stream.sessionId);
    ofSession?.delete(stream);
    if (ofSession?.size === 0) this.bySession.delete(stream.sessionId);
  }

  /** At once. */
  endOfSession(sessionId: string): void {
    for (const stream of this.bySession.get(sessionId) ?? []) stream.end('session-ended');
  }

  /** Spread over a time that fits their number. Those of a deployment that serves again before their turn comes are left alone. */
  endOfDeployment(deployment: Deployment): void {
    if (deployment.inFlight === 0) return;
    for (const stream of this.all) if (stream.claim.deployment === deployment) this.depart(stream);
  }

  /** The same for an instance that left. */
  endOfInstance(instance: Instance): void {
    if (instance.inFlight === 0) return;
    for (const stream of this.all) if (stream.claim.instance === instance) this.depart(stream);
  }

  /** At once. */
  endAll(): void {
    for (const stream of this.all) stream.end('gateway-stops');
  }

  /** Another gateway goes on at the door: spread too, and so is what opens from now on. */
  leave(): void {
    this.isLeaving = true;
    for (const stream of this.all) this.depart(stream);
  }

  private depart(stream: OpenStream): void {
    if (this.departing.has(stream)) return;
    this.departing.add(stream);
    const { size } = this.departing;
    this.perTick = Math.max(
      Math.min(Math.ceil(size / TICKS_MIN), PER_TICK_MAX),
      Math.ceil(size / TICKS_MAX),
      this.perTick,
    );
    this.tickLater();
  }

  private tickLater(): void {
    if (this.isTicking) return;
    this.isTicking = true;
    this.after(TICK_MS, () => {
      this.isTicking = false;
      this.sendAway();
      if (this.departing.size > 0) this.tickLater();
      else this.perTick = 0;
    });
  }

  private sendAway(): void {
    let left = this.perTick;
    for (const stream of this.departing) {
      if (left === 0) return;
      this.departing.delete(stream);
      if (!this.isLeaving && !isLeft(stream)) continue;
      left -= 1;
      stream.end(this.isLeaving ? 'gateway-stops' : 'instance-left');
    }
  }
}

/** Whether it is where no stream stays. */
const isLeft = ({ claim }: OpenStream): boolean => !claim.deployment.isServing || claim.instance.isGone;
