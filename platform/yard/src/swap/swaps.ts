/** The swaps of a yard: at most one for each service at a time, begun on request, gone on with after a crash. */
import { randomBytes } from 'node:crypto';
import { CommandFailed, EXIT } from '../command.ts';
import type { ExitCode } from '../command.ts';
import type { SwapReport } from './swap-report.ts';
import type { SwapRecord } from './swap-record.ts';
import type { SwapRequest } from './swap-request.ts';
import { isFinal } from './swap-stage.ts';
import { Swap } from './swap.ts';
import type { SwapSurroundings } from './swap-surroundings.ts';

/** How a swap stands for whoever asked. */
export interface SwapAnswer {
  readonly exitCode: ExitCode;
  readonly report: SwapReport | null;
  readonly goingOn: string;
}

export class Swaps {
  private readonly around: SwapSurroundings;
  /** By service. */
  private readonly running = new Map<string, Swap>();
  /** Those that another supervisor began. */
  private interrupted: readonly Swap[] = [];
  private readonly opened = Promise.withResolvers<void>();
  /** Until when (ms since 1970) each service was busy with a swap. */
  private readonly busyUntilMs = new Map<string, number>();
  /** Whether the last one was a swap that is live now. */
  private readonly mayGoBack = new Map<string, boolean>();
  private isLeaving = false;

  constructor(around: SwapSurroundings) {
    this.around = around;
  }

  of(service: string): Swap | null {
    return this.running.get(service) ?? null;
  }

  /** Whether a swap decides what is live in the service. */
  isBusy(service: string): boolean {
    return this.running.has(service);
  }

  refuseIfBusy(service: string): void {
    const swap = this.of(service);
    if (swap !== null) throw lockedBy(service, swap);
  }

  /** What the journal holds of swaps that another supervisor began. Of a service that switchyard.yaml has no more, nothing is finished or undone. */
  async open(): Promise<SwapRecord[]> {
    const { around } = this;
    const { entries, faults } = await around.journal.open();
    for (const fault of faults) around.warn(fault);
    const records = [...entries.values()].map((record) => this.ofDeclared(record));
    const [left, forgotten] = [records.filter(isOfAny), records.filter((record) => !isOfAny(record))];
    for (const { id, request } of forgotten) {
      around.warn(`${id} is forgotten: switchyard.yaml has no ${request.services.join(', ')} any more`);
      await around.journal.remove(id).catch((error: Error) => around.warn(`${id}: ${error.message}`));
    }
    return left;
  }

  /** Finishes or undoes them, in the background. */
  resume(records: readonly SwapRecord[]): void {
    this.interrupted = records.map((record) => new Swap(record, this.around));
    for (const swap of this.interrupted) {
      swap.noteWaiter(false);
      this.run(swap, 'interrupted');
    }
    this.opened.resolve();
  }

  /** Resolves when every swap that was found interrupted has been finished or undone, or has nothing left but its bake; tells of each. */
  async resumed(gone: AbortSignal): Promise<SwapAnswer[]> {
    await this.opened.promise;
    return Promise.all(this.interrupted.map((swap) => this.standing(swap, { waitsForBake: false }, gone)));
  }

  /** Begins a swap, or a rollback; resolves when it is over, or goes on by itself. Rejects with a CommandFailed when it cannot begin. */
  async begin(request: SwapRequest, gone: AbortSignal): Promise<SwapAnswer> {
    const { services, kind } = request;
    await this.opened.promise;
    for (const service of services) this.refuseUnplanned(service, kind);
    if (kind === 'rollback') {
      const baking = this.takeBack(services);
      if (baking !== null) {
        const answer = await this.standing(baking, { waitsForBake: true }, gone);
        return answer.report?.outcome === 'reverted' ? { ...answer, exitCode: EXIT.done } : answer;
      }
    }
    for (const service of services) this.refuseIfLate(service, request);
    await this.endBakes(services, gone);
    for (const service of services) this.refuseIfBusy(service);
    if (this.isLeaving) throw new CommandFailed('the yard is being stopped');
    const swap = new Swap(this.recordOf(request), this.around);
    this.run(swap, 'new');
    return this.standingForAsker(swap, request, gone);
  }

  /** Gives up the swap of a service before its commit, takes it back in its bake. */
  async abort(service: string, gone: AbortSignal): Promise<SwapAnswer> {
    const swap = this.known(service);
    if (!swap.withdraw('it was given up (yard abort)'))
      throw new CommandFailed(`it is too late: the swap of ${service} is ${swap.stage}`, {
        hint: 'yard rollback goes back',
      });
    const answer = await this.standing(swap, { waitsForBake: true }, gone);
    return answer.report === null || answer.report.outcome === 'done' ? answer : { ...answer, exitCode: EXIT.done };
  }

  /** Ends the preview, the canary or the bake of a service. */
  async promote(service: string, waitsForBake: boolean, gone: AbortSignal): Promise<SwapAnswer> {
    const swap = this.known(service);
    const { stage } = swap;
    if (stage !== 'preview' && stage !== 'canary' && stage !== 'drained')
      throw new CommandFailed(`nothing is to be promoted in ${service}: its swap is ${stage}`);
    swap.noteWaiter(waitsForBake);
    swap.promote();
    return this.standingForAsker(swap, { waitsForBake }, gone, stage === 'preview');
  }

  /** The supervisor ends: what goes on is left to the next one. */
  async leave(): Promise<void> {
    this.isLeaving = true;
    const swaps = [...new Set(this.running.values())];
    for (const swap of swaps) swap.leave();
    await Promise.all(swaps.map((swap) => swap.over));
  }

  /** A fault in switchyard.yaml ends a swap before it begins. What runs can be gone back to all the same: an edit may be half done. */
  private refuseUnplanned(service: string, kind: SwapRequest['kind']): void {
    try {
      this.around.plan(service);
    } catch (error) {
      if (kind === 'rollback' && this.around.services.has(service)) return;
      const { message, hint } = error as CommandFailed;
      throw new CommandFailed(message, { exitCode: EXIT.aborted, ...(hint === undefined ? {} : { hint }) });
    }
  }

  private ofDeclared(record: SwapRecord): SwapRecord {
    const declared = Object.entries(record.services).filter(([service]) => this.around.services.has(service));
    return { ...record, services: Object.fromEntries(declared) };
  }

  private run(swap: Swap, how: 'new' | 'interrupted'): void {
    for (const service of swap.services) this.running.set(service, swap);
    void swap.run(how).then(() => {
      for (const service of swap.services) {
        if (this.running.get(service) === swap) this.running.delete(service);
        if (!hadOpenBake(swap)) this.busy(service);
        this.mayGoBack.set(service, swap.record.kind === 'swap' && swap.stage === 'retired');
      }
      this.around.changes.notify();
    });
  }

  /**
   * Whether another one was under way when it was asked for. Going back is meant as it was said when what went on was a swap that has ended
   * well; but of two who go back at once, the second does not go back further.
   */
  private isLate(service: string, { kind, askedAtMs }: SwapRequest): boolean {
    if (askedAtMs >= (this.busyUntilMs.get(service) ?? 0)) return false;
    return kind === 'swap' || this.mayGoBack.get(service) !== true;
  }

  private refuseIfLate(service: string, request: SwapRequest): void {
    if (!this.isLate(service, request)) return;
    throw new CommandFailed(`another swap of ${service} was under way when this one was asked for`, {
      exitCode: EXIT.locked,
      hint: 'yard history shows it; if you still want this one, ask again',
    });
  }

  private busy(service: string): void {
    this.busyUntilMs.set(service, this.around.date().getTime());
  }

  /** For the one whose swap it is: when he goes away, nobody waits for its bake any more. */
  private standingForAsker(...[swap, asked, gone, isPromoted]: Parameters<Swaps['standing']>): Promise<SwapAnswer> {
    gone.addEventListener('abort', () => swap.noteWaiter(false), { once: true });
    return this.standing(swap, asked, gone, isPromoted);
  }

  /** How the swap stands once it is over, or once nothing but waiting is left of it that the asker does not wait for. */
  private async standing(
    swap: Swap,
    { waitsForBake }: Pick<SwapRequest, 'waitsForBake'>,
    gone: AbortSignal,
    isPromoted = false,
  ): Promise<SwapAnswer> {
    const stands = () =>
      isFinal(swap.stage) ||
      swap.isOver ||
      (!swap.isWithdrawn && swap.stage === 'preview' && !(isPromoted && swap.isPromoted)) ||
      (!swap.isWithdrawn && swap.stage === 'drained' && !waitsForBake);
    const either = AbortSignal.any([gone, swap.left]);
    await this.around.changes.until(stands, either).catch((error: Error) => {
      if (!swap.left.aborted) throw error;
    });
    if (!isFinal(swap.stage) && !swap.isOver && !swap.left.aborted) {
      if (swap.stage === 'drained') for (const service of swap.services) this.busy(service);
      return { exitCode: EXIT.done, report: null, goingOn: goingOn(swap) };
    }
    const report = await swap.over;
    if (report === null)
      return {
        exitCode: EXIT.failed,
        report,
        goingOn: `${swap.left.aborted ? 'the yard is being stopped' : swap.detail}; the next yard up goes on with ${swap.id}`,
      };
    return { exitCode: exitCodeOf(report, swap.record.isLockedOut), report, goingOn: '' };
  }

  /** The one swap of all these services whose commit can be taken back at once, and is; null when there is none. */
  private takeBack(services: readonly string[]): Swap | null {
    const swap = services.map((service) => this.of(service)).find((found) => found !== null) ?? null;
    if (swap === null || !isHot(swap)) return null;
    const others = swap.services.filter((service) => !services.includes(service));
    if (others.length > 0 || swap.services.length !== services.length) {
      throw new CommandFailed(`${swap.services.join(' and ')} were swapped together`, {
        hint: `yard rollback ${swap.services.join(' ')} takes them back`,
        exitCode: EXIT.locked,
      });
    }
    return swap.withdraw('it was taken back (yard rollback)') ? swap : null;
  }

  /** Nobody waits for such a bake: the next swap is a reason to end it. */
  private async endBakes(services: readonly string[], gone: AbortSignal): Promise<void> {
    for (const service of services) {
      const swap = this.of(service);
      if (swap === null || swap.stage !== 'drained' || swap.record.request.waitsForBake) continue;
      swap.promote();
      await this.around.changes.until(() => this.of(service) !== swap, gone);
    }
  }

  private known(service: string): Swap {
    const swap = this.of(service);
    if (swap === null)
      throw new CommandFailed(`no swap of ${service} is going on`, { hint: 'yard history shows those before' });
    return swap;
  }

  private recordOf(request: SwapRequest): SwapRecord {
    const { state } = this.around;
    return {
      version: 1,
      id: `swap-${randomBytes(6).toString('hex')}`,
      kind: request.kind,
      services: Object.fromEntries(request.services.map((name) => [name, { from: state.of(name).live, to: null }])),
      startedAt: this.around.date().toISOString(),
      stage: 'asked',
      request,
      reason: null,
      lines: [],
      timeline: [],
      epoch: null,
      commitToAcknowledgedMs: null,
      revertMs: null,
      requests: {},
      cut: 0,
      canaryPercent: null,
      bakesUntil: null,
      isLockedOut: false,
    };
  }
}

const isOfAny = ({ services }: SwapRecord): boolean => Object.keys(services).length > 0;

/** The deployments before run, and are gone back to by the change alone. After yard down, or a crash of the machine, they do not. */
const isHot = ({ stage, record, legs, around }: Swap): boolean =>
  !record.request.isWithoutRollback &&
  (stage === 'committed' || stage === 'acknowledged' || stage === 'drained') &&
  legs.every(({ service, from }) => from !== null && (around.services.get(service)?.find(from) ?? null) !== null);

/** Whether it had a bake that the next swap may end: who asks for that one meanwhile does not ask too late. */
const hadOpenBake = ({ record }: Swap): boolean =>
  !record.request.waitsForBake && record.timeline.some(({ stage }) => stage === 'drained');

function exitCodeOf(report: SwapReport, isLockedOut: boolean): ExitCode {
  if (isLockedOut) return EXIT.locked;
  if (report.outcome === 'aborted') return EXIT.aborted;
  if (report.outcome === 'reverted') return EXIT.reverted;
  return report.reason === null ? EXIT.done : EXIT.failed;
}

function goingOn(swap: Swap): string {
  const services = swap.services.join(' ');
  const [first = ''] = swap.services;
  const made = swap.legs.map(({ to }) => to).join(', ');
  if (swap.stage === 'preview')
    return `${made} can be seen with the header Switchyard-Preview and the operator's token (.yard/operator.token); yard promote ${first} makes it live, yard abort ${first} stops it`;
  return `the bake goes on until ${swap.record.bakesUntil ?? 'its end'}; yard rollback ${services} goes back, yard promote ${first} ends it`;
}

function lockedBy(service: string, swap: Swap): CommandFailed {
  const made = swap.legs.map(({ to }) => to).join(', ');
  const what = made === '' ? 'a swap' : `the swap to ${made}`;
  const how = { preview: ' (a preview)', canary: ' (a canary)', drained: ' (in its bake)' }[swap.stage as string] ?? '';
  return new CommandFailed(`${what}${how} holds the lock of ${service}, since ${swap.record.startedAt}`, {
    exitCode: EXIT.locked,
    hint: `yard promote ${service} ends a preview, a canary or a bake; yard abort ${service} gives the swap up`,
  });
}
