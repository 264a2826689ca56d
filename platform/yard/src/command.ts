/** What a command of `yard` is: how it is written, and what running it needs and answers. */
import type { Writable } from 'node:stream';
import type { createColors } from 'picocolors';

/** What the caller of the command learns from it. */
export const EXIT = {
  done: 0,
  failed: 1,
  wrongUsage: 2,
  /** The live deployment never changed. */
  aborted: 3,
  /** Changed, and reverted by itself. */
  reverted: 4,
  /** Another swap holds the lock. */
  locked: 5,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** One option, for `parseArgs` of node:util and for the help text. */
export interface CommandOption {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  /** Stands for the value in the help: `DURATION`. Strings only. */
  readonly placeholder?: string;
  /** Not in the help: for the project's own tests. */
  readonly isHidden?: boolean;
  readonly help: string;
}

export interface Command {
  readonly name: string;
  /** Arguments as the help shows them: `[-f] [SERVICE]`. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** Not in the list of commands: for the yard's own use. */
  readonly isHidden?: boolean;
  /** Further lines of `yard COMMAND --help`. */
  readonly details?: string;
  readonly options: Readonly<Record<string, CommandOption>>;
  /** How many names may follow; default none. */
  readonly positionals?: { readonly min: number; readonly max: number };
  run(invocation: Invocation): Promise<ExitCode>;
}

export interface Output extends Writable {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Where a command runs; given by main.ts, or by a test. */
export interface Surroundings {
  /** Folder from which `switchyard.yaml` is looked for, upwards. */
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly colours: ReturnType<typeof createColors>;
}

/** A command as it was typed: `values` by option name, booleans and strings. */
export interface Invocation extends Surroundings {
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  readonly positionals: readonly string[];
}

/** Faults that a person can act on: the message is all they see, with exit code 1 unless another is given. */
export class CommandFailed extends Error {
  readonly exitCode: ExitCode;
  /** What to do about it, printed below. */
  readonly hint: string | undefined;
  constructor(message: string, more: { hint?: string; exitCode?: ExitCode; cause?: unknown } = {}) {
    super(message, more.cause === undefined ? {} : { cause: more.cause });
    this.name = 'CommandFailed';
    this.exitCode = more.exitCode ?? EXIT.failed;
    this.hint = more.hint;
  }
}

/** Wrong usage found by a command itself (exit code 2). */
export const wrongUsage = (message: string, hint?: string): CommandFailed =>
  new CommandFailed(message, { exitCode: EXIT.wrongUsage, ...(hint === undefined ? {} : { hint }) });

/** A whole number given as `--name`; `absent` when it was not. */
export function countGiven(
  values: Invocation['values'],
  name: string,
  { absent, max }: { readonly absent: number; readonly max: number },
): number {
  const written = values[name];
  if (typeof written !== 'string') return absent;
  const count = Number(written);
  if (/^[0-9]+$/.test(written) && count <= max) return count;
  throw wrongUsage(`--${name} is ${JSON.stringify(written)}; it must be a number from 0 to ${max}`);
}
