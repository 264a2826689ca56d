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

/** Where attempts are counted: here, or by another worker for all. */
export interface SignInCount {
  /** `isOwner`: who asks is signed in to this very account, and is never locked out by others' attempts on it. */
  begin(login: string, address: string, isOwner: boolean): Promise<SignInAttempt | Refusal> | SignInAttempt | Refusal;
}

export interface SignInAttempt {
  /** It was not a failed one. */
  forgive(): void;
}

/** Counted before the password is checked, so that attempts at the same time count too, and given back when it was right. */
export class SignInLimit implements SignInCount {
  private readonly accounts = new Gcra();
  private readonly addresses = new Gcra();
  private readonly nowMs: () => number;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  begin(login: string, address: string, isOwner: boolean): SignInAttempt | Refusal {
    const nowMs = this.nowMs();
    const account = accountOf(login);
    const client = clientOf(address);
    const waitMs = Math.max(
      isOwner ? 0 : this.accounts.waitMs(account, FAILURES_BY_ACCOUNT, nowMs),
      this.addresses.waitMs(client, FAILURES_BY_ADDRESS, nowMs),
    );
    if (waitMs > 0) return refuse(errors.TOO_MANY_SIGN_INS, { retryAfterSeconds: Math.ceil(waitMs / 1_000) });
    if (!isOwner) this.accounts.take(account, FAILURES_BY_ACCOUNT, nowMs);
    this.addresses.take(client, FAILURES_BY_ADDRESS, nowMs);
    return { forgive: () => this.forgive({ login, address, isOwner }) };
  }

  /** An attempt that was counted was not a failed one. */
  forgive(attempt: { readonly login: string; readonly address: string; readonly isOwner: boolean }): void {
    if (!attempt.isOwner) this.accounts.giveBack(accountOf(attempt.login), FAILURES_BY_ACCOUNT);
    this.addresses.giveBack(clientOf(attempt.address), FAILURES_BY_ADDRESS);
  }
}

const accountOf = (login: string): string => login.trim().toLowerCase();
