/** Chance that can be repeated: the same seed gives the same throws. */

export class Dice {
  private state: number;

  constructor(seed: number, nth: number) {
    this.state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(nth + 1, 0xc2b2ae35)) >>> 0;
    this.next();
  }

  /** A whole number from 0 to `below` - 1. */
  upTo(below: number): number {
    return Math.floor(this.next() * below);
  }

  between(least: number, most: number): number {
    return least + this.upTo(most - least + 1);
  }

  /** `chance`: 0 to 1. */
  is(chance: number): boolean {
    return this.next() < chance;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.upTo(choices.length)]!;
  }

  /** mulberry32. */
  private next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
}
