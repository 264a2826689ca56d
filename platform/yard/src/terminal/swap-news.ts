/** What somebody who watches a whole yard wants to hear of a swap: what becomes of each service, in a line; pure. */
import type { SwapEvent } from '../swap/swap-report.ts';
import type { SwapStage } from '../swap/swap-stage.ts';

type Say = (from: string, to: string) => string;

const NEWS: { readonly [S in SwapStage]?: Say } = {
  preview: (from, to) => `${to} is a preview; ${from} is live`,
  canary: (from, to) => `${to} gets a share of the requests of ${from}`,
  committed: (from, to) => `${to} is live (${from} stands by)`,
  retired: (from, to) => `${to} stays; ${from} has stopped`,
  aborted: (from) => `the swap was given up; ${from} is live, as before`,
  reverted: (from, to) => `${from} is live again instead of ${to}`,
};

export class SwapNews {
  /** The last stage of each service that was told of. */
  private readonly told = new Map<string, string>();

  /** Service and sentence, once for each stage that is news. */
  of({ id, stage, services }: SwapEvent): [service: string, sentence: string][] {
    const say = NEWS[stage];
    if (say === undefined) return [];
    return Object.entries(services).flatMap(([service, { from, to }]) => {
      if (this.told.get(service) === `${id} ${stage}`) return [];
      this.told.set(service, `${id} ${stage}`);
      return [[service, say(from ?? 'nothing', to ?? 'a new one')] as [string, string]];
    });
  }
}
