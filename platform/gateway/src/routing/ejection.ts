/** Whether one instance is left out of the choice because it fails: a table of states, for how long, and how it comes back. */
import type { GatewaySettings } from '@switchyard/contracts/gateway-settings';

export type EjectionSettings = GatewaySettings['ejection'];

export type EjectionState =
  /** `ejections` in a row before, and since when it is back. */
  | { readonly name: 'in'; readonly failures: number; readonly ejections: number; readonly backAtMs: number }
  | { readonly name: 'out'; readonly ejections: number; readonly untilMs: number }
  /** It gets one request at a time, and waits for one since `sinceMs`. */
  | {
      readonly name: 'trial';
      readonly ejections: number;
      readonly successes: number;
      readonly isUnderWay: boolean;
      readonly sinceMs: number;
    };

/**
 * `success`, `failure`: how a request there ended; failures are a connection that broke before the answer, no answer in time, 502,
 * 503 and 504, never a plain 500. `refused`: it could not be connected to. `pauseOver`: it may be tried. `tried`: it got a request
 * for trial, which was `withdrawn` when it ended without saying anything. `renewed`: the registry says that it is UP again, or
 * other addresses stand for it. `nobodyLeft`: without it, its deployment would have no instance in the choice. `heard`: another
 * worker has ejected it.
 */
export type EjectionSignal =
  | 'heard'
  | 'success'
  | 'failure'
  | 'refused'
  | 'pauseOver'
  | 'tried'
  | 'withdrawn'
  | 'renewed'
  | 'nobodyLeft';

/** Requests for trial that must be answered one after the other before an instance is back. */
export const SUCCESSES_TO_RETURN = 3;
/** A pause is up to this share shorter, so that instances ejected together, and several gateways, do not try at the same moment. */
const JITTER = 0.2;

interface Surroundings {
  readonly settings: EjectionSettings;
  readonly nowMs: number;
  /** 0 to 1. */
  readonly random: () => number;
}

type StateOf<N extends EjectionState['name']> = Extract<EjectionState, { name: N }>;
type Transitions = {
  readonly [N in EjectionState['name']]: {
    readonly [S in EjectionSignal]: (state: StateOf<N>, around: Surroundings) => EjectionState;
  };
};

const FRESH: EjectionState = { name: 'in', failures: 0, ejections: 0, backAtMs: -Infinity };
/** Back because nobody else is there: not to be relied upon before it has answered. */
const SUSPECT: EjectionState = { name: 'in', failures: 1, ejections: 0, backAtMs: -Infinity };
const same = (state: EjectionState): EjectionState => state;
const renewed = (): EjectionState => FRESH;
const suspected = (): EjectionState => SUSPECT;

function out(ejections: number, { settings, nowMs, random }: Surroundings): EjectionState {
  const pauseMs = Math.min(settings.maxMs, settings.baseMs * ejections);
  return { name: 'out', ejections, untilMs: nowMs + pauseMs * (1 - JITTER * random()) };
}

/** In a row is what follows within the longest pause after the return: who comes and goes stays away longer each time. */
const ejected = ({ ejections, backAtMs }: StateOf<'in'>, around: Surroundings): EjectionState =>
  out(around.nowMs - backAtMs < around.settings.maxMs ? ejections + 1 : 1, around);

/** State x signal -> state. The type proves that no pair is missing. */
const TRANSITIONS: Transitions = {
  in: {
    heard: ejected,
    success: (state) => (state.failures === 0 ? state : { ...state, failures: 0 }),
    failure: (state, around) =>
      state.failures + 1 >= around.settings.failures
        ? ejected(state, around)
        : { ...state, failures: state.failures + 1 },
    // That nobody listens is no accident as a broken connection may be: waiting for more of it would only make more requests wait.
    refused: ejected,
    pauseOver: same,
    tried: same,
    withdrawn: same,
    renewed,
    nobodyLeft: suspected,
  },
  out: {
    heard: same,
    // Requests from before it was ejected say nothing new.
    success: same,
    failure: same,
    refused: same,
    pauseOver: ({ ejections, untilMs }) => ({
      name: 'trial',
      ejections,
      successes: 0,
      isUnderWay: false,
      sinceMs: untilMs,
    }),
    tried: same,
    withdrawn: same,
    renewed,
    nobodyLeft: suspected,
  },
  trial: {
    heard: same,
    success: ({ ejections, successes }, { nowMs }) =>
      successes + 1 >= SUCCESSES_TO_RETURN
        ? { name: 'in', failures: 0, ejections, backAtMs: nowMs }
        : { name: 'trial', ejections, successes: successes + 1, isUnderWay: false, sinceMs: nowMs },
    failure: ({ ejections }, around) => out(ejections + 1, around),
    refused: ({ ejections }, around) => out(ejections + 1, around),
    pauseOver: same,
    tried: (state) => ({ ...state, isUnderWay: true }),
    withdrawn: (state, { nowMs }) => ({ ...state, isUnderWay: false, sinceMs: nowMs }),
    renewed,
    nobodyLeft: suspected,
  },
};

export class Ejection {
  private stateNow: EjectionState = FRESH;

  get state(): EjectionState {
    return this.stateNow;
  }

  get isEjected(): boolean {
    return this.stateNow.name !== 'in';
  }

  /** Its last request was answered, or it has had none. */
  get isTrusted(): boolean {
    return this.stateNow.name === 'in' && this.stateNow.failures === 0;
  }

  /** From when on it may get a request for trial; Infinity: not before something else happens. */
  get trialAtMs(): number {
    const state = this.stateNow;
    if (state.name === 'out') return state.untilMs;
    return state.name === 'trial' && !state.isUnderWay ? state.sinceMs : Infinity;
  }

  signal(signal: EjectionSignal, around: Surroundings): void {
    const transition = TRANSITIONS[this.stateNow.name][signal] as (
      state: EjectionState,
      around: Surroundings,
    ) => EjectionState;
    this.stateNow = transition(this.stateNow, around);
  }
}
