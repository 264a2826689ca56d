/** Counts by key in a sliding window with one number a key (GCRA, ITU-T I.371), in bounded memory. */

import { BoundedMap } from './bounded-map.ts';

export interface Rate {
  /** This many at once, and over each window. */
  readonly requests: number;
  readonly windowMs: number;
}

/** Keys remembered at a time; beyond it those not seen for longest are forgotten. */
const KEYS_MAX = 100_000;

export class Gcra {
  /** Key -> theoretical arrival time, in milliseconds. */
  private readonly arrivals = new BoundedMap<number>(KEYS_MAX);

  /** 0 when there is room, and takes it; else the milliseconds until there is. */
  take(key: string, rate: Rate, nowMs: number): number {
    const waitMs = this.waitMs(key, rate, nowMs);
    if (waitMs > 0) return waitMs;
    const before = this.arrivals.get(key) ?? nowMs;
    this.arrivals.set(key, Math.max(before, nowMs) + rate.windowMs / rate.requests);
    return 0;
  }

  /** What `take` would answer, without taking. */
  waitMs(key: string, rate: Rate, nowMs: number): number {
    const interval = rate.windowMs / rate.requests;
    const arrival = Math.max(this.arrivals.get(key) ?? nowMs, nowMs);
    return Math.max(0, arrival + interval - nowMs - rate.windowMs);
  }

  /** Gives back one that was taken. */
  giveBack(key: string, rate: Rate): void {
    const arrival = this.arrivals.get(key);
    if (arrival !== undefined) this.arrivals.set(key, arrival - rate.windowMs / rate.requests);
  }

  get size(): number {
    return this.arrivals.size;
  }
}

/** Whom an address stands for: an IPv6 subscriber has a whole /64. */
export function clientOf(address: string): string {
  if (!address.includes(':')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  const ends = tail === undefined || tail === '' ? [] : tail.split(':');
  while (groups.length + ends.length < 8) groups.push('0');
  return [...groups, ...ends].slice(0, 4).join(':');
}
