/** Counts by key in a sliding window with one number a key (GCRA, ITU-T I.371), in bounded memory. */

import { BoundedMap } from './bounded-map.ts';

export interface Rate {
  /** This many at once, and over each window. */
  readonly requests: number;
  readonly windowMs: number;
}

/** Where limits are counted: in this process, or in one place for several. */
export interface TakesLimit {
  /**
   * Takes one of what `rate` allows for `key`, if there is room.
   *
   * @returns by how many milliseconds the key is ahead of its rate, this one included. Up to `windowMs` (see `waitMsOf`) it was
   * taken; beyond, nothing was. A promise must settle soon, whatever happens: a request waits for it.
   */
  take(key: string, rate: Rate, nowMs: number): number | Promise<number>;
}

/** Sums of thirds and sevenths of a window come out a little beside it. */
const ROUNDING_MS = 0.001;
/** Keys remembered at a time; beyond it those not seen for longest are forgotten. */
const KEYS_MAX = 100_000;

export class Gcra implements TakesLimit {
  /** Key -> theoretical arrival time, in milliseconds. */
  private readonly arrivals = new BoundedMap<number>(KEYS_MAX);

  take(key: string, rate: Rate, nowMs: number): number {
    const aheadMs = this.aheadMs(key, rate, nowMs);
    if (waitMsOf(aheadMs, rate) === 0) this.arrivals.set(key, nowMs + aheadMs);
    return aheadMs;
  }

  /** How long `take` would have to wait for room, without taking. */
  waitMs(key: string, rate: Rate, nowMs: number): number {
    return waitMsOf(this.aheadMs(key, rate, nowMs), rate);
  }

  /** Gives back one that was taken. */
  giveBack(key: string, rate: Rate): void {
    const arrival = this.arrivals.get(key);
    if (arrival !== undefined) this.arrivals.set(key, arrival - intervalMsOf(rate));
  }

  get size(): number {
    return this.arrivals.size;
  }

  private aheadMs(key: string, rate: Rate, nowMs: number): number {
    return Math.max((this.arrivals.get(key) ?? nowMs) - nowMs, 0) + intervalMsOf(rate);
  }
}

const intervalMsOf = (rate: Rate): number => rate.windowMs / rate.requests;

/** 0 when what was asked for was taken; else the milliseconds until there is room for it. */
export function waitMsOf(aheadMs: number, rate: Rate): number {
  const waitMs = aheadMs - rate.windowMs;
  return waitMs > ROUNDING_MS ? waitMs : 0;
}

/** How many more would be taken now. */
export const leftOf = (aheadMs: number, rate: Rate): number =>
  Math.max(0, Math.floor((rate.windowMs - aheadMs + ROUNDING_MS) / intervalMsOf(rate)));

/** Milliseconds until there is one more than `leftOf` says. */
export const moreInMsOf = (aheadMs: number, rate: Rate): number =>
  waitMsOf(aheadMs, rate) || aheadMs - rate.windowMs + (leftOf(aheadMs, rate) + 1) * intervalMsOf(rate);

/** Whom an address stands for: an IPv6 subscriber has a whole /64. */
export function clientOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const ends = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + ends.length < 8) groups.push('0');
  return [...groups, ...ends].slice(0, 4).join(':');
}
