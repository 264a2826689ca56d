/** Limits that count for all workers together: the first one counts, and the others ask it. */
import { isRefusal, refuse } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';
import { errors } from '../errors.ts';
import type { Gcra, Rate, TakesLimit } from '../gcra.ts';
import type { SignInAttempt, SignInCount, SignInLimit } from '../sessions/sign-in-limit.ts';
import type { Channel, OnNotice, OnQuestion } from './channel.ts';

/** Longer than the first one is ever busy; then each counts for itself, which is better than none or all being refused. */
const ANSWER_MS = 1_000;

/** How the first one answers the others, and hears of them. */
export function countingForAll(
  requests: Gcra,
  signIns: SignInLimit,
  nowMs: () => number,
): { readonly onQuestion: OnQuestion; readonly onNotice: OnNotice } {
  return {
    onQuestion: {
      limit: ({ key, rate }) => requests.take(key, rate, nowMs()),
      'sign-in': (signIn) => {
        const attempt = signIns.begin(signIn.login, signIn.address, signIn.isOwner);
        return isRefusal(attempt) ? Math.max(1, attempt.retryAfterSeconds ?? 1) : 0;
      },
    },
    onNotice: { 'sign-in forgiven': (signIn) => signIns.forgive(signIn) },
  };
}

/** Requests of one client on a route that has a limit, as another worker counts them. */
export class AskedRequestLimit implements TakesLimit {
  private readonly first: Channel;
  private readonly own: Gcra;

  constructor(first: Channel, own: Gcra) {
    this.first = first;
    this.own = own;
  }

  async take(key: string, rate: Rate, nowMs: number): Promise<number> {
    return (await this.first.ask('limit', { key, rate }, ANSWER_MS)) ?? this.own.take(key, rate, nowMs);
  }
}

/** Attempts to sign in, as another worker counts them. */
export class AskedSignInLimit implements SignInCount {
  private readonly first: Channel;
  private readonly own: SignInLimit;

  constructor(first: Channel, own: SignInLimit) {
    this.first = first;
    this.own = own;
  }

  async begin(login: string, address: string, isOwner: boolean): Promise<SignInAttempt | Refusal> {
    const signIn = { login, address, isOwner };
    const retryAfterSeconds = await this.first.ask('sign-in', signIn, ANSWER_MS);
    if (retryAfterSeconds === null) return this.own.begin(login, address, isOwner);
    if (retryAfterSeconds > 0) return refuse(errors.TOO_MANY_SIGN_INS, { retryAfterSeconds });
    return { forgive: () => this.first.tell('sign-in forgiven', signIn) };
  }
}
