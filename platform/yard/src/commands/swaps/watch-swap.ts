/** Asks the supervisor for a swap and shows it to its end: events, Ctrl-C, a supervisor that goes away, the report, the exit code. */
import { CommandFailed, EXIT } from '../../command.ts';
import type { ExitCode, Invocation } from '../../command.ts';
import { askSupervisor, SupervisorBrokeOff } from '../../control/control-client.ts';
import type { Asked } from '../../control/control-client.ts';
import type { YardEvent } from '../../status/yard-event.ts';
import type { SwapEvent } from '../../swap/swap-report.ts';
import { isFinal } from '../../swap/swap-stage.ts';
import type { SwapStage } from '../../swap/swap-stage.ts';
import { isLive } from '../../terminal/swap-progress.ts';
import { swapView } from '../../terminal/swap-view.ts';
import type { SwapView } from '../../terminal/swap-view.ts';
import type { YardFolder } from '../../yard-folder.ts';

export interface Watched {
  readonly folder: YardFolder;
  readonly asked: Asked;
  /** Swaps of other services are not shown; null: all are. */
  readonly services: readonly string[] | null;
  /** What Ctrl-C does before the commit: gives the swap up (whoever began it), or leaves it alone. */
  readonly onInterrupt: 'abort' | 'leave';
}

/** A Ctrl-C reaches command and launcher alike, and the launcher may pass it on: two within this time are one. */
const SAME_SIGNAL_MS = 500;

export async function watchSwap(invocation: Invocation, watched: Watched): Promise<ExitCode> {
  const view = swapView(invocation);
  const leaving = new AbortController();
  let stage: SwapStage = 'asked';
  const follow = followed(watched);
  const onEvent = (event: YardEvent) => {
    if (event.kind !== 'swap' || !follow(event)) return;
    const { atMs: _atMs, ...told } = event;
    stage = told.stage;
    view.onEvent(told);
  };
  const release = onCtrlC((isAgain) => {
    if (isAgain) leaving.abort(left());
    else interrupted(watched, { stage, view, leaving });
  });
  try {
    const answer = await askSupervisor(watched.folder, watched.asked, onEvent, { signal: leaving.signal });
    if (answer === null) throw new CommandFailed('no supervisor runs for this yard', { hint: 'yard up starts one' });
    const isNothing = answer.swapped.every(({ report, goingOn }) => report === null && goingOn === '');
    if (watched.asked.do === 'resume' && isNothing) {
      view.ended({ exitCode: EXIT.done, report: null, goingOn: 'no interrupted swap is left' });
      return EXIT.done;
    }
    for (const swapped of answer.swapped) view.ended(swapped);
    return Math.max(EXIT.done, ...answer.swapped.map(({ exitCode }) => exitCode)) as ExitCode;
  } catch (error) {
    if (error instanceof GoesOn) {
      view.ended({ exitCode: EXIT.done, report: null, goingOn: error.message });
      return EXIT.done;
    }
    const fault = error instanceof SupervisorBrokeOff ? brokeOff() : error;
    if (fault instanceof CommandFailed) view.failed(fault);
    throw fault;
  } finally {
    release();
    view.close();
  }
}

/** The command leaves, the swap goes on: nothing is wrong. */
class GoesOn extends Error {}

const left = (): CommandFailed =>
  new CommandFailed('left before the end', { hint: 'yard status shows what becomes of the swap' });

const brokeOff = (): CommandFailed =>
  new CommandFailed('the supervisor has ended in the middle of it; the services go on as they are', {
    hint: 'yard resume finishes the swap, or undoes it',
  });

function interrupted(
  { folder, asked, services, onInterrupt }: Watched,
  { stage, view, leaving }: { readonly stage: SwapStage; readonly view: SwapView; readonly leaving: AbortController },
): void {
  const [service] = services ?? [];
  if (isLive(stage)) {
    const isRollback = asked.do === 'swap' && asked.swap.kind === 'rollback';
    const back = isRollback || services === null ? '' : `, yard rollback ${services.join(' ')} takes it back`;
    leaving.abort(new GoesOn(`the swap goes on; yard status shows it${back}`));
  } else if (onInterrupt === 'leave' || service === undefined) {
    leaving.abort(new GoesOn('it goes on; yard status shows it'));
  } else if (isEnding(stage)) {
    view.note('it is being undone already (again: leave at once)');
  } else {
    view.note('giving it up (again: leave at once)');
    // What comes of it is told on the connection that asked for the swap.
    askSupervisor(folder, { do: 'abort', service }).catch((error: Error) => view.note(error.message));
  }
}

const isEnding = (stage: SwapStage): boolean => stage === 'aborting' || stage === 'reverting' || isFinal(stage);

/** Calls `act` with each Ctrl-C, until what it answers is called. */
function onCtrlC(act: (isAgain: boolean) => void): () => void {
  let lastMs = -Infinity;
  let isAgain = false;
  const onSignal = () => {
    const sinceMs = performance.now() - lastMs;
    if (sinceMs < SAME_SIGNAL_MS) return;
    lastMs = performance.now();
    act(isAgain);
    isAgain = true;
  };
  process.on('SIGINT', onSignal);
  return () => process.off('SIGINT', onSignal);
}

/** Whether an event is of the swap that was asked for: of these services, and not one of them that was far already when this was asked. */
function followed({ asked, services }: Watched): (event: SwapEvent) => boolean {
  const isOurs = new Map<string, boolean>();
  return ({ id, stage, services: moved }) => {
    const known = isOurs.get(id);
    if (known !== undefined) return known;
    const names = Object.keys(moved);
    const isAbout = services === null || names.some((name) => services.includes(name));
    // A rollback may be the end of the swap that is baking.
    const isBegun = asked.do !== 'swap' || asked.swap.kind === 'rollback' || stage === 'asked' || stage === 'locked';
    isOurs.set(id, isAbout && isBegun);
    return isAbout && isBegun;
  };
}
