/** What commands that take long or destroy share: a question on the terminal, and Ctrl-C as an AbortSignal. */
import { createInterface } from 'node:readline/promises';
import { CommandFailed, wrongUsage } from '../command.ts';
import type { Invocation } from '../command.ts';

/**
 * Returns when the answer was yes: `flag` was given, or somebody typed it.
 *
 * @throws CommandFailed when it was not, or there is no terminal to ask on
 */
export async function confirm(
  { stdin, stderr, values }: Pick<Invocation, 'stdin' | 'stderr' | 'values'>,
  question: string,
  flag: 'yes' | 'force',
): Promise<void> {
  if (values[flag] === true) return;
  if (!stdin.isTTY) throw wrongUsage(`${question} There is no terminal to ask on`, `give --${flag} to say yes`);
  const lines = createInterface({ input: stdin, output: stderr });
  try {
    const answer = await lines.question(`${question} Type yes to go on: `);
    if (answer.trim().toLowerCase() !== 'yes') throw new CommandFailed('nothing was changed');
  } finally {
    lines.close();
  }
}

/** Runs `work` with a signal that Ctrl-C and SIGTERM abort, so that it can tidy up. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const aborter = new AbortController();
  const abort = () => aborter.abort(new CommandFailed('interrupted; nothing was changed'));
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, abort);
  try {
    return await work(aborter.signal);
  } catch (error) {
    throw aborter.signal.aborted ? aborter.signal.reason : error;
  } finally {
    for (const signal of signals) process.off(signal, abort);
  }
}

/** The sentence for a fault of the file system; anything else is thrown on. */
export function fileFault(error: unknown, what: string): CommandFailed {
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || message === 'the disk is full') return new CommandFailed(`${what}: the disk is full`);
  if (code === 'EACCES' || code === 'EPERM') {
    return new CommandFailed(`${what}: you may not open ${path ?? 'a file'}`, {
      hint: 'run it as the user that runs the yard',
    });
  }
  if (code === undefined && !(error instanceof CommandFailed))
    return new CommandFailed(`${what}: ${message}`, { cause: error });
  if (error instanceof CommandFailed) return error;
  return new CommandFailed(`${what}: ${message}`, { cause: error });
}
