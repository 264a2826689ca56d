/** What the first worker of a gateway and the others say to each other, as plain data. */
import type { Rate } from '../gcra.ts';
import type { SocketName } from '../handover/inherited-sockets.ts';
import type { Figures } from '../observe/figures.ts';
import type { Trouble } from '../routing/deployment.ts';
import type { ProcessFamily } from '../observe/metrics-page.ts';

/** Told, and not answered. */
export interface Notices {
  /** The first to one that has just started. */
  readonly welcome: { readonly isReady: boolean };
  /** To the first: it takes connections. */
  readonly serving: Record<string, never>;
  /** To the first, by one that was told by a signal to end. */
  readonly 'wants to leave': Record<string, never>;
  /** The first to another one; `isShared`: others go on at the door, so that it needs no haste. */
  readonly leave: { readonly isShared: boolean };
  /** To all others: these sessions have ended, and all of this user, where one is named. */
  readonly 'signed out': { readonly sessionIds: readonly string[]; readonly user: string | null };
  /** To all others: a breaker has opened, or an instance was ejected. */
  readonly trouble: Trouble;
  /** To the first: how many connections it has. */
  readonly connections: { readonly open: number };
  /** The first to each: how many connections all the others have, by their numbers. */
  readonly spread: { readonly open: readonly (readonly [worker: number, open: number])[] };
  /** With a connection, that this worker is to have. */
  readonly connection: { readonly to: number; readonly name: SocketName };
  /** To the first: a sign-in that was counted was no failed one. */
  readonly 'sign-in forgiven': SignIn;
}

/** Asked, and answered within a time. */
export interface Questions {
  readonly figures: { readonly asked: WantedFigures; readonly answer: WorkerFigures };
  /** To the first, by one that leaves, with the last of what it has counted; waits for the word that it has come. */
  readonly farewell: { readonly asked: WorkerFigures; readonly answer: true };
  /** To the first, who counts for all; as `TakesLimit` answers. */
  readonly limit: { readonly asked: { readonly key: string; readonly rate: Rate }; readonly answer: number };
  /** The same for an attempt to sign in; the seconds after which one is allowed. */
  readonly 'sign-in': { readonly asked: SignIn; readonly answer: number };
}

/** What the first one wants to know of another one. */
export interface WantedFigures {
  /** Deployments that left, and were told of for the last time. */
  readonly forget: readonly string[];
  /** With those of the process, which take a while to find out where there are many connections. */
  readonly withProcess: boolean;
}

export interface SignIn {
  readonly login: string;
  readonly address: string;
  readonly isOwner: boolean;
}

export interface WorkerFigures extends Figures {
  readonly pid: number;
  /** None where they were not asked for. */
  readonly process: readonly ProcessFamily[];
}

export type NoticeName = keyof Notices;
export type QuestionName = keyof Questions;
