/** The circuit breaker of one deployment: stops asking a deployment that mostly fails, and tries it again after a pause. */
import type { GatewaySettings } from '@switchyard/contracts/gateway-settings';

export type BreakerSettings = GatewaySettings['breaker'];

export type BreakerState =
  | { readonly name: 'closed' }
  | { readonly name: 'open'; readonly untilMs: number }
  /** `probes` were let through since `sinceMs`. */
  | { readonly name: 'half-open'; readonly probes: number; readonly successes: number; readonly sinceMs: number };

/**
 * `tripped`: the window shows too many failures. `pauseOver`: the pause of an open breaker has passed, or the probes of a half-open
 * one have been silent for as long. `admitted`: a probe goes. `withdrawn`: it ended without saying anything. `success`, `failure`:
 * how an admitted request ended. `renewed`: other instances answer now, or it serves again. `heard`: that of another worker has opened.
 */
export type BreakerSignal =
  | 'heard'
  | 'tripped'
  | 'pauseOver'
  | 'admitted'
  | 'withdrawn'
  | 'success'
  | 'failure'
  | 'renewed';

const BUCKETS = 10;
/** Requests that a half-open breaker lets through at a time, and successes in a row that close it. */
const PROBES_MAX = 3;
const SUCCESSES_TO_CLOSE = 3;

type StateOf<N extends BreakerState['name']> = Extract<BreakerState, { name: N }>;
type Transitions = {
  readonly [N in BreakerState['name']]: {
    readonly [S in BreakerSignal]: (state: StateOf<N>, nowMs: number, pauseMs: number) => BreakerState;
  };
};

const CLOSED: BreakerState = { name: 'closed' };
const same = (state: BreakerState): BreakerState => state;
const closed = (): BreakerState => CLOSED;
/**
 * The pause does not grow with each opening in a row: three requests a second harm no service, and one that is back after an hour
 * would have to wait as long again as it has been tried last.
 */
const opened = (_state: BreakerState, nowMs: number, pauseMs: number): BreakerState => ({
  name: 'open',
  untilMs: nowMs + pauseMs,
});
const halfOpened = (_state: BreakerState, nowMs: number): BreakerState => ({
  name: 'half-open',
  probes: 0,
  successes: 0,
  sinceMs: nowMs,
});

/** State x signal -> state. The type proves that no pair is missing. */
const TRANSITIONS: Transitions = {
  closed: {
    heard: opened,
    tripped: opened,
    pauseOver: same,
    admitted: same,
    withdrawn: same,
    success: same,
    failure: same,
    renewed: closed,
  },
  open: {
    // Its own pause goes on: else each of several workers would put it off for the others.
    heard: same,
    tripped: same,
    pauseOver: halfOpened,
    admitted: same,
    withdrawn: same,
    // Requests that were admitted before it opened say nothing new.
    success: same,
    failure: same,
    renewed: halfOpened,
  },
  'half-open': {
    heard: opened,
    tripped: same,
    // What hangs in a dead connection must not keep those away who would find the service back.
    pauseOver: (state, nowMs) => ({ ...state, probes: 0, sinceMs: nowMs }),
    admitted: (state) => ({ ...state, probes: state.probes + 1 }),
    withdrawn: (state) => ({ ...state, probes: Math.max(0, state.probes - 1) }),
    success: (state) =>
      state.successes + 1 >= SUCCESSES_TO_CLOSE
        ? CLOSED
        : { ...state, successes: state.successes + 1, probes: Math.max(0, state.probes - 1) },
    failure: opened,
    renewed: halfOpened,
  },
};

export class Breaker {
  private stateNow: BreakerState = CLOSED;
  private readonly settings: BreakerSettings;
  private readonly isHopeless: () => boolean;
  private readonly onOpened: () => void;
  private readonly requests = new Uint32Array(BUCKETS);
  private readonly failures = new Uint32Array(BUCKETS);
  /** Number of the bucket in use since the beginning of time. */
  private bucket = 0;
  private failuresInRow = 0;

  /**
   * @param isHopeless whether none of its instances has answered last: then as many failures in a row as would count are enough
   * @param onOpened by what was seen here, not by hearsay
   */
  constructor(settings: BreakerSettings, isHopeless: () => boolean = () => false, onOpened = (): void => {}) {
    this.settings = settings;
    this.isHopeless = isHopeless;
    this.onOpened = onOpened;
  }

  get state(): BreakerState {
    return this.stateNow;
  }

  /** 0 when the request may go; else the milliseconds after which it is worth trying again. An admitted request must be settled or withdrawn. */
  admit(nowMs: number): number {
    if (this.stateNow.name === 'closed') return 0;
    const waitMs = this.waitMs(nowMs);
    if (waitMs > 0) return waitMs;
    const state = this.stateNow;
    if (state.name === 'open' || (state.name === 'half-open' && state.probes >= PROBES_MAX))
      this.signal('pauseOver', nowMs);
    this.signal('admitted', nowMs);
    return 0;
  }

  /** What `admit` would answer, without admitting. */
  waitMs(nowMs: number): number {
    const state = this.stateNow;
    if (state.name === 'closed' || (state.name === 'half-open' && state.probes < PROBES_MAX)) return 0;
    return Math.max(0, (state.name === 'open' ? state.untilMs : state.sinceMs + this.settings.pauseMs) - nowMs);
  }

  /** How an admitted request ended. */
  settle(failed: boolean, nowMs: number): void {
    this.turn(nowMs);
    const index = this.bucket % BUCKETS;
    this.requests[index]! += 1;
    if (failed) this.failures[index]! += 1;
    this.failuresInRow = failed ? this.failuresInRow + 1 : 0;
    if (this.stateNow.name !== 'closed') this.signal(failed ? 'failure' : 'success', nowMs);
    if (failed && this.stateNow.name === 'closed' && this.isFailing()) {
      this.signal('tripped', nowMs);
      this.forget();
    }
  }

  /** An admitted request ended without saying anything about the deployment, such as by its client's leaving. */
  withdraw(): void {
    if (this.stateNow.name !== 'closed') this.signal('withdrawn', 0);
  }

  /** Other instances answer now, or it serves again: what was counted is about others, or long ago. */
  renew(nowMs: number): void {
    this.forget();
    this.signal('renewed', nowMs);
  }

  /** That of another worker has opened: what it has found out need not be found out again. */
  hear(nowMs: number): void {
    this.signal('heard', nowMs);
  }

  private signal(signal: BreakerSignal, nowMs: number): void {
    const before = this.stateNow.name;
    const transition = TRANSITIONS[this.stateNow.name][signal] as (
      state: BreakerState,
      nowMs: number,
      pauseMs: number,
    ) => BreakerState;
    this.stateNow = transition(this.stateNow, nowMs, this.settings.pauseMs);
    if (this.stateNow.name === 'open' && before !== 'open' && signal !== 'heard') this.onOpened();
  }

  /** In an outage the successes before it would keep the share low for half the window, and each request would go and fail. */
  private isFailing(): boolean {
    if (this.failuresInRow >= this.settings.minRequests && this.isHopeless()) return true;
    let requests = 0;
    let failures = 0;
    for (let index = 0; index < BUCKETS; index += 1) {
      requests += this.requests[index]!;
      failures += this.failures[index]!;
    }
    return requests >= this.settings.minRequests && failures >= requests * this.settings.failureRatio;
  }

  /** Empties the buckets whose time has passed. */
  private turn(nowMs: number): void {
    const bucket = Math.floor(nowMs / (this.settings.windowMs / BUCKETS));
    if (bucket === this.bucket) return;
    if (bucket - this.bucket >= BUCKETS) this.empty();
    else
      for (let passed = this.bucket + 1; passed <= bucket; passed += 1) {
        this.requests[passed % BUCKETS] = 0;
        this.failures[passed % BUCKETS] = 0;
      }
    this.bucket = bucket;
  }

  private forget(): void {
    this.failuresInRow = 0;
    this.empty();
  }

  private empty(): void {
    this.requests.fill(0);
    this.failures.fill(0);
  }
}
