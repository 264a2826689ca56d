/** The swaps of the gateway and the registry: at most one of each at a time, and gateways that are leaving. */
import { CommandFailed, EXIT } from '../command.ts';
import type { InstanceRecord } from '../runtime/runtime.ts';
import type { SwapReport } from '../swap/swap-report.ts';
import type { SwapRequest } from '../swap/swap-request.ts';
import type { SwapAnswer } from '../swap/swaps.ts';
import type { PlatformPart, PlatformSurroundings } from './platform-surroundings.ts';
import { PlatformSwap } from './platform-swap.ts';
import { GATEWAY_GRACE_MS, swapGateway } from './swap-gateway.ts';
import { swapRegistry } from './swap-registry.ts';

/** When the yard is stopped: nobody waits longer for a gateway that was leaving. */
const HURRIED_MS = 5_000;

export const isPlatformPart = (name: string | undefined): name is PlatformPart =>
  name === 'gateway' || name === 'registry';

interface Running {
  readonly swap: PlatformSwap;
  readonly over: Promise<SwapAnswer>;
}

export class PlatformSwaps {
  private readonly around: PlatformSurroundings;
  private readonly running = new Map<string, Running>();
  private readonly busyUntilMs = new Map<string, number>();
  private readonly departures = new Set<Promise<void>>();
  private readonly leaving = new AbortController();
  private readonly hurry = new AbortController();

  constructor(around: PlatformSurroundings) {
    this.around = around;
  }

  refuseIfBusy(name: string): void {
    const swap = this.running.get(name)?.swap;
    if (swap === undefined) return;
    throw new CommandFailed(`${swap.id} holds ${name}: it is ${swap.stage}, since ${swap.startedAt}`, {
      exitCode: EXIT.locked,
    });
  }

  /** Resolves when it is over: for the gateway, when the one before has left, or if nobody waits for that, when it was told to. */
  async begin(request: SwapRequest): Promise<SwapAnswer> {
    const [name] = request.services;
    if (!isPlatformPart(name) || request.services.length !== 1)
      throw new CommandFailed('the gateway and the registry are swapped alone', { exitCode: EXIT.wrongUsage });
    this.refuseIfBusy(name);
    if (request.askedAtMs < (this.busyUntilMs.get(name) ?? 0))
      throw new CommandFailed(`another swap of ${name} was under way when this one was asked for`, {
        exitCode: EXIT.locked,
        hint: 'yard history shows it; if you still want this one, ask again',
      });
    const swap = new PlatformSwap(name, request, this.around, this.leaving.signal);
    const over = this.run(swap);
    this.running.set(name, { swap, over });
    try {
      return await over;
    } finally {
      this.running.delete(name);
      this.busyUntilMs.set(name, this.around.date().getTime());
    }
  }

  /** Gives up a swap that has changed nothing yet. */
  async abort(name: PlatformPart): Promise<SwapAnswer> {
    const running = this.running.get(name);
    if (running === undefined)
      throw new CommandFailed(`no swap of ${name} is going on`, { hint: 'yard history shows those before' });
    if (!running.swap.withdraw())
      throw new CommandFailed(`it is too late: the swap of ${name} is ${running.swap.stage}`, {
        hint: `yard rollback ${name} goes back`,
      });
    const answer = await running.over;
    return answer.report?.outcome === 'aborted' ? { ...answer, exitCode: EXIT.done } : answer;
  }

  /** Tells a gateway to leave the door to the one that accepts there, and looks after it until it is gone; does not reject. */
  depart(record: InstanceRecord): Promise<void> {
    const departure = this.around.runtime
      .stop(record.id, { graceMs: GATEWAY_GRACE_MS, hasten: this.hurry.signal })
      .catch((error: Error) => this.around.warn(error.message))
      .then(() => void this.departures.delete(departure));
    this.departures.add(departure);
    return departure;
  }

  /** The supervisor ends: what has not taken over is given up, who is leaving has a moment left. */
  async leave(hasten: boolean): Promise<void> {
    this.leaving.abort(new Error('the yard is being stopped'));
    await Promise.allSettled([...this.running.values()].map(({ over }) => over));
    const hurry = setTimeout(() => this.hurry.abort(), hasten ? 0 : HURRIED_MS);
    await Promise.all(this.departures);
    clearTimeout(hurry);
  }

  private async run(swap: PlatformSwap): Promise<SwapAnswer> {
    await swap.stand('asked');
    try {
      let departure = Promise.resolve();
      if (swap.name === 'registry') await swapRegistry(swap);
      else {
        departure = this.depart(await swapGateway(swap));
        swap.tell('the one before leaves, when nobody needs it any more');
      }
      const ended = departure.then(async () => {
        await swap.stand('retired').catch(() => undefined);
        return this.end(swap.report('done', null));
      });
      if (swap.request.waitsForBake) return { exitCode: EXIT.done, report: await ended, goingOn: '' };
      return { exitCode: EXIT.done, report: null, goingOn: 'the one before leaves, within 30 s' };
    } catch (error) {
      if (this.leaving.signal.aborted)
        return { exitCode: EXIT.failed, report: null, goingOn: 'the yard is being stopped' };
      const outcome = swap.hasChanged ? 'reverted' : 'aborted';
      await swap.stand(outcome).catch(() => undefined);
      const report = await this.end(swap.report(outcome, error as Error));
      return { exitCode: swap.hasChanged ? EXIT.reverted : EXIT.aborted, report, goingOn: '' };
    }
  }

  private async end(report: SwapReport): Promise<SwapReport> {
    await this.around
      .remember(report)
      .catch((error: Error) => this.around.warn(`a report is not kept: ${error.message}`));
    return report;
  }
}
