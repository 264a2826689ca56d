/** Spreads connections over the workers of a gateway: the system gives those that arrive together to whoever wakes first, and that one passes on what the others should have. */
import type { Server, Socket } from 'node:net';
import type { Clock } from '@switchyard/kit/clock';
import type { SocketName } from '../handover/inherited-sockets.ts';

/** Connections that a worker may have beyond the one with the least, and an eighth: passing on is dearer than a little less evenness. */
const MARGIN = 4;
const MARGIN_SHARE = 0.125;
/**
 * The same for each connection that closed lately: where they come and go, a queue is even by itself, and passing on what lives for one
 * request would cost a fifth of its processor time.
 */
const MARGIN_PER_CLOSED = 0.125;
/** After so long, one that closed counts half. */
const CLOSED_HALF_MS = 500;
/** Between two words about how many they are. */
const TELL_EVERY_MS = 50;
/** After that, what was passed on is among what its worker has told. */
const UNDER_WAY_MS = 200;

export interface SpreadOptions {
  /** Connections that this worker has. */
  readonly open: () => number;
  /** Tells how many each one has, as far as it is known here. */
  readonly tell: (open: ReadonlyMap<number, number>) => void;
  /** Gives a connection to another worker; `failed`: it could not be given. */
  readonly give: (to: number, name: SocketName, socket: Socket, failed: () => void) => void;
  readonly clock: Clock;
}

interface Other {
  readonly open: number;
  /** Passed on since then, or so lately that it may not be among them. */
  underWay: number;
  passedAtMs: number;
}

export class Spread {
  private readonly options: SpreadOptions;
  private readonly others = new Map<number, Other>();
  private readonly serve = new Map<SocketName, (socket: Socket) => void>();
  private isTelling = false;
  /** Connections that closed lately, the longer ago the less, as of `closedAtMs`. */
  private closedLately = 0;
  private closedAtMs = 0;

  constructor(options: SpreadOptions) {
    this.options = options;
  }

  /** From now on, what arrives at that server is passed on where another worker should have it. */
  guard(name: SocketName, server: Server): void {
    const listeners = server.listeners('connection');
    const serve = (socket: Socket): void => {
      this.changed();
      socket.once('close', this.closed);
      for (const listener of listeners) listener.call(server, socket);
      socket.resume();
    };
    this.serve.set(name, serve);
    server.removeAllListeners('connection');
    // Not a byte is read here of what another process will read. It is an option of `net.createServer` that `http.createServer` lacks.
    (server as Server & { pauseOnConnect: boolean }).pauseOnConnect = true;
    server.on('connection', (socket: Socket) => {
      if (!this.passOn(name, socket, serve)) serve(socket);
    });
  }

  /** A connection that another worker has passed on. */
  take(name: SocketName, socket: Socket): void {
    socket.allowHalfOpen = true;
    const serve = this.serve.get(name);
    if (serve === undefined) socket.destroy();
    else serve(socket);
  }

  /** How many another worker has. */
  hear(worker: number, open: number): void {
    const known = this.others.get(worker);
    const isFresh = known !== undefined && this.options.clock.nowMs() - known.passedAtMs < UNDER_WAY_MS;
    this.others.set(worker, {
      open,
      underWay: isFresh ? known.underWay : 0,
      passedAtMs: known?.passedAtMs ?? -Infinity,
    });
  }

  /** It takes no connections any more. */
  forget(worker: number): void {
    this.others.delete(worker);
  }

  /** As `hear` and `forget`, of all others at once. */
  hearAll(open: ReadonlyMap<number, number>): void {
    for (const worker of this.others.keys()) if (!open.has(worker)) this.others.delete(worker);
    for (const [worker, count] of open) this.hear(worker, count);
  }

  /** How many they are has changed, here or as far as others were heard: it is told before long. */
  readonly changed = (): void => {
    if (this.isTelling) return;
    this.isTelling = true;
    this.options.clock.after(TELL_EVERY_MS, () => {
      this.isTelling = false;
      this.tellNow();
    });
  };

  tellNow(): void {
    this.options.tell(new Map(Array.from(this.others, ([worker, { open }]) => [worker, open])));
  }

  private readonly closed = (): void => {
    const nowMs = this.options.clock.nowMs();
    this.closedLately = this.closedLatelyAt(nowMs) + 1;
    this.closedAtMs = nowMs;
    this.changed();
  };

  private closedLatelyAt(nowMs: number): number {
    return this.closedLately * 0.5 ** ((nowMs - this.closedAtMs) / CLOSED_HALF_MS);
  }

  private passOn(name: SocketName, socket: Socket, serve: (socket: Socket) => void): boolean {
    const { open, give, clock } = this.options;
    if (this.others.size === 0) return false;
    const nowMs = clock.nowMs();
    const to = takerOf(open() + 1, this.others, this.closedLatelyAt(nowMs));
    if (to === null) return false;
    const taker = this.others.get(to)!;
    taker.underWay += 1;
    taker.passedAtMs = nowMs;
    give(to, name, socket, () => serve(socket));
    return true;
  }
}

/** Who is to have a connection that would be the `own`th here; null: it is well placed. */
export function takerOf(
  own: number,
  others: ReadonlyMap<number, { readonly open: number; readonly underWay: number }>,
  closedLately = 0,
): number | null {
  let taker: number | null = null;
  let least = Infinity;
  for (const [worker, { open, underWay }] of others)
    if (open + underWay < least) {
      least = open + underWay;
      taker = worker;
    }
  return own > least + MARGIN + least * MARGIN_SHARE + closedLately * MARGIN_PER_CLOSED ? taker : null;
}
