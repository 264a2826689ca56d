/** How many second attempts a service gets: a share of its requests, so that an outage is not made worse by repeating. */

/** Spendable before anything was put in, and saved up at most: over any stretch of time, attempts exceed requests by the share and this. */
export const BALANCE_MAX = 10;
/** Left over for requests that failed, when one is asked for that has not. */
const HEDGE_RESERVE = 5;
/** How far it may be overdrawn: all that one instance has under way, about. */
const CREDIT_MAX = 1_024;

export class RetryBudget {
  private readonly ratio: number;
  private balanceNow: number;

  /** @param ratio second attempts as a share of requests, 0 to 1; 0: none at all */
  constructor(ratio: number) {
    this.ratio = ratio;
    this.balanceNow = ratio === 0 ? 0 : BALANCE_MAX;
  }

  get balance(): number {
    return this.balanceNow;
  }

  /** A request is sent for the first time. */
  deposit(): void {
    if (this.balanceNow < BALANCE_MAX) this.balanceNow = Math.min(BALANCE_MAX, this.balanceNow + this.ratio);
  }

  /** Whether a request that failed may be sent again; pays for it. */
  take(): boolean {
    return this.pay(1);
  }

  /** Whether a request that only takes long may be sent a second time; pays for it. */
  takeForHedge(): boolean {
    return this.pay(1 + HEDGE_RESERVE);
  }

  /**
   * Like `take`, on credit: for what an instance that died had under way and another one, in good health, now does instead. That
   * is load which moves, not load which is added, and comes all at once; what is overdrawn is paid back before anything else.
   */
  borrow(): boolean {
    return this.ratio > 0 && this.pay(1 - CREDIT_MAX);
  }

  private pay(balanceMin: number): boolean {
    if (this.balanceNow < balanceMin) return false;
    this.balanceNow -= 1;
    return true;
  }
}
