/** The event streams and WebSockets that are open, so that they end with their session, their instance or the gateway. */

export type StreamEnd = 'session-ended' | 'instance-left' | 'gateway-stops';

export interface OpenStream {
  /** null when nobody is signed in on it. */
  readonly sessionId: string | null;
  readonly instanceId: string;
  /** Ends it in the way of its protocol; again does nothing. */
  end(why: StreamEnd): void;
}

/** The clients of an instance that leaves come back at once: they are sent away over this time. */
const SPREAD_MS = 2_000;

export class OpenStreams {
  private readonly all = new Set<OpenStream>();
  private readonly bySession = new Map<string, Set<OpenStream>>();
  private readonly after: (delayMs: number, run: () => void) => () => void;
  private readonly hasEnded: (sessionId: string) => boolean;
  private readonly random: () => number;

  constructor(
    after: (delayMs: number, run: () => void) => () => void,
    hasEnded: (sessionId: string) => boolean,
    random: () => number = Math.random,
  ) {
    this.after = after;
    this.hasEnded = hasEnded;
    this.random = random;
  }

  get size(): number {
    return this.all.size;
  }

  /** Ends at once what opens for a session that has ended since it was let in. */
  add(stream: OpenStream): void {
    if (stream.sessionId !== null && this.hasEnded(stream.sessionId)) return stream.end('session-ended');
    this.all.add(stream);
    if (stream.sessionId === null) return;
    const ofSession = this.bySession.get(stream.sessionId);
    if (ofSession === undefined) this.bySession.set(stream.sessionId, new Set([stream]));
    else ofSession.add(stream);
  }

  remove(stream: OpenStream): void {
    if (!this.all.delete(stream) || stream.sessionId === null) return;
    const ofSession = this.bySession.get(stream.sessionId);
    ofSession?.delete(stream);
    if (ofSession?.size === 0) this.bySession.delete(stream.sessionId);
  }

  /** At once. */
  endOfSession(sessionId: string): void {
    for (const stream of this.bySession.get(sessionId) ?? []) stream.end('session-ended');
  }

  /** Spread over two seconds. */
  endOfInstance(instanceId: string): void {
    for (const stream of this.all)
      if (stream.instanceId === instanceId) this.after(this.random() * SPREAD_MS, () => stream.end('instance-left'));
  }

  /** At once. */
  endAll(): void {
    for (const stream of this.all) stream.end('gateway-stops');
  }
}
