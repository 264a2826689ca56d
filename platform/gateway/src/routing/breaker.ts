/** The circuit breaker of one deployment: stops asking a deployment that mostly fails, and tries it again after a pause. */

export type BreakerState =
  | { readonly name: 'closed' }
  | { readonly name: 'open'; readonly untilMs: number; readonly openings: number }
  | { readonly name: 'half-open'; readonly openings: number; readonly probes: number; readonly successes: number };

/**
 * `tripped`: the window shows too many failures. `pauseOver`: the pause of an open breaker has passed. `success`, `failure`: how
 * an admitted request ended. `renewed`: other instances answer now, or it serves again.
 */
export type BreakerSignal = 'tripped' | 'pauseOver' | 'success' | 'failure' | 'renewed';

/** At least this many requests within the window before their failures mean anything. */
export const VOLUME_MIN = 20;
/** Share of failures that opens the breaker. */
export const FAILURE_RATIO = 0.5;
const WINDOW_MS = 10_000;
const BUCKETS = 10;
/** The pause doubles with each opening in a row, from the first to the last. */
const PAUSE_FIRST_MS = 1_000;
const PAUSE_LAST_MS = 30_000;
/** Requests that a half-open breaker lets through at a time, and successes in a row that close it. */
const PROBES_MAX = 3;
const SUCCESSES_TO_CLOSE = 3;

type StateOf<N extends BreakerState['name']> = Extract<BreakerState, { name: N }>;
type Transitions = {
  readonly [N in BreakerState['name']]: {
    readonly [S in BreakerSignal]: (state: StateOf<N>, nowMs: number) => BreakerState;
  };
};

const CLOSED: BreakerState = { name: 'closed' };
const same = (state: BreakerState): BreakerState => state;
const opened = (openings: number, nowMs: number): BreakerState => ({
  name: 'open',
  openings,
  untilMs: nowMs + Math.min(PAUSE_LAST_MS, PAUSE_FIRST_MS * 2 ** (openings - 1)),
});
const halfOpened = (openings: number): BreakerState => ({ name: 'half-open', openings, probes: 0, successes: 0 });

/** State x signal -> state. The type proves that no pair is missing. */
const TRANSITIONS: Transitions = {
  closed: {
    tripped: (_state, nowMs) => opened(1, nowMs),
    pauseOver: same,
    success: same,
    failure: same,
    renewed: same,
  },
  open: {
    tripped: same,
    pauseOver: (state) => halfOpened(state.openings),
    // Requests that were admitted before it opened say nothing new.
    success: same,
    failure: same,
    renewed: (state) => halfOpened(state.openings),
  },
  'half-open': {
    tripped: same,
    pauseOver: same,
    success: (state) =>
      state.successes + 1 >= SUCCESSES_TO_CLOSE
        ? CLOSED
        : { ...state, successes: state.successes + 1, probes: Math.max(0, state.probes - 1) },
    failure: (state, nowMs) => opened(state.openings + 1, nowMs),
    renewed: (state) => halfOpened(state.openings),
  },
};

export class Breaker {
  private stateNow: BreakerState = CLOSED;
  private readonly requests = new Uint32Array(BUCKETS);
  private readonly failures = new Uint32Array(BUCKETS);
  /** Number of the bucket in use since the beginning of time. */
  private bucket = 0;

  get state(): BreakerState {
    return this.stateNow;
  }

  /** 0 when the request may go; else the milliseconds after which it is worth trying again. An admitted request must be settled or withdrawn. */
  admit(nowMs: number): number {
    if (this.stateNow.name === 'closed') return 0;
    if (this.stateNow.name === 'open') {
      if (nowMs < this.stateNow.untilMs) return this.stateNow.untilMs - nowMs;
      this.signal('pauseOver', nowMs);
    }
    const state = this.stateNow as StateOf<'half-open'>;
    if (state.probes >= PROBES_MAX) return PAUSE_FIRST_MS;
    this.stateNow = { ...state, probes: state.probes + 1 };
    return 0;
  }

  /** How an admitted request ended. */
  settle(failed: boolean, nowMs: number): void {
    this.turn(nowMs);
    const index = this.bucket % BUCKETS;
    this.requests[index]! += 1;
    if (failed) this.failures[index]! += 1;
    this.signal(failed ? 'failure' : 'success', nowMs);
    if (failed && this.stateNow.name === 'closed' && this.isFailing()) {
      this.signal('tripped', nowMs);
      this.forget();
    }
  }

  /** An admitted request ended without saying anything about the deployment, such as by its client's leaving. */
  withdraw(): void {
    const state = this.stateNow;
    if (state.name === 'half-open') this.stateNow = { ...state, probes: Math.max(0, state.probes - 1) };
  }

  /** Other instances answer now, or it serves again: what was counted is about others, or long ago. */
  renew(nowMs: number): void {
    this.forget();
    this.signal('renewed', nowMs);
  }

  private signal(signal: BreakerSignal, nowMs: number): void {
    const transition = TRANSITIONS[this.stateNow.name][signal] as (state: BreakerState, nowMs: number) => BreakerState;
    this.stateNow = transition(this.stateNow, nowMs);
  }

  private isFailing(): boolean {
    let requests = 0;
    let failures = 0;
    for (let index = 0; index < BUCKETS; index += 1) {
      requests += this.requests[index]!;
      failures += this.failures[index]!;
    }
    return requests >= VOLUME_MIN && failures >= requests * FAILURE_RATIO;
  }

  /** Empties the buckets whose time has passed. */
  private turn(nowMs: number): void {
    const bucket = Math.floor(nowMs / (WINDOW_MS / BUCKETS));
    if (bucket === this.bucket) return;
    if (bucket - this.bucket >= BUCKETS) this.forget();
    else
      for (let passed = this.bucket + 1; passed <= bucket; passed += 1) {
        this.requests[passed % BUCKETS] = 0;
        this.failures[passed % BUCKETS] = 0;
      }
    this.bucket = bucket;
  }

  private forget(): void {
    this.requests.fill(0);
    this.failures.fill(0);
  }
}
