/** Slows down guessing of passwords: failed sign-ins are limited by account and by address. */
import { refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import { clientOf, Gcra } from '../gcra.ts';
import type { Rate } from '../gcra.ts';

const QUARTER_HOUR_MS = 15 * 60_000;
export const FAILURES_BY_ACCOUNT: Rate = { requests: 10, windowMs: QUARTER_HOUR_MS };
/** Many people share one address behind a router. */
export const FAILURES_BY_ADDRESS: Rate = { requests: 100, windowMs: QUARTER_HOUR_MS };

/** Counted before the password is checked, so that attempts at the same time count too, and given back when it was right. */
export class SignInLimit {
  private readonly accounts = new Gcra();
  private readonly addresses = new Gcra();
  private readonly nowMs: () => number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  /** `isOwner`: who asks is signed in to this very account, and is never locked out by others' attempts on it. */
  begin(login: string, address: string, isOwner: boolean): SignInAttempt | Refusal {
    const nowMs = this.nowMs();
    const account = login.trim().toLowerCase();
    const client = clientOf(address);
    const waitMs = Math.max(
      isOwner ? 0 : this.accounts.waitMs(account, FAILURES_BY_ACCOUNT, nowMs),
      this.addresses.waitMs(client, FAILURES_BY_ADDRESS, nowMs),
    );
    if (waitMs > 0) return refuse(errors.TOO_MANY_SIGN_INS, { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
    if (!isOwner) this.accounts.take(account, FAILURES_BY_ACCOUNT, nowMs);
    this.addresses.take(client, FAILURES_BY_ADDRESS, nowMs);
    return {
      forgive: () => {
        if (!isOwner) this.accounts.giveBack(account, FAILURES_BY_ACCOUNT);
        this.addresses.giveBack(client, FAILURES_BY_ADDRESS);
      },
    };
  }
}

export interface SignInAttempt {
  /** It was not a failed one. */
  forgive(): void;
}
