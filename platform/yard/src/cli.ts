/** The table of commands, and the way from what was typed to the command that runs. */
import { parseArgs } from 'node:util';
import { CommandFailed, EXIT } from './command.ts';
import type { Command, ExitCode, Surroundings } from './command.ts';
import { backupCommand } from './commands/backup.ts';
import { checkCommand } from './commands/check.ts';
import { doctorCommand } from './commands/doctor.ts';
import { downCommand } from './commands/down.ts';
import { initCommand } from './commands/init.ts';
import { logsCommand } from './commands/logs.ts';
import { resetCommand } from './commands/reset.ts';
import { restartCommand } from './commands/restart.ts';
import { restoreCommand } from './commands/restore.ts';
import { statusCommand } from './commands/status.ts';
import { stopCommand } from './commands/stop.ts';
import { superviseCommand } from './commands/supervise.ts';
import { abortCommand } from './commands/swaps/abort.ts';
import { historyCommand } from './commands/swaps/history.ts';
import { promoteCommand } from './commands/swaps/promote.ts';
import { resumeCommand } from './commands/swaps/resume.ts';
import { rollbackCommand } from './commands/swaps/rollback.ts';
import { swapCommand } from './commands/swaps/swap.ts';
import { upCommand } from './commands/up.ts';
import { systemFault } from './system-fault.ts';
import { nearestName } from './yard-file/nearest-name.ts';

const USAGE_MAX = 34;

/** In the order of the help. */
export const commands: readonly Command[] = [
  initCommand,
  checkCommand,
  upCommand,
  downCommand,
  statusCommand,
  restartCommand,
  stopCommand,
  swapCommand,
  promoteCommand,
  abortCommand,
  rollbackCommand,
  resumeCommand,
  historyCommand,
  logsCommand,
  doctorCommand,
  backupCommand,
  restoreCommand,
  resetCommand,
  superviseCommand,
];

/** Runs one command line (without node and script) and answers its exit code; never throws for a fault of the user's. */
export async function runCommandLine(
  argv: readonly string[],
  surroundings: Surroundings,
  table: readonly Command[] = commands,
): Promise<ExitCode> {
  const { stderr, stdout, colours } = surroundings;
  const [name, ...rest] = argv;
  if (name === undefined || name === '--help' || name === '-h') {
    (name === undefined ? stderr : stdout).write(overview(table));
    return name === undefined ? EXIT.wrongUsage : EXIT.done;
  }
  if (name === 'help') return help(rest, surroundings, table);
  const command = table.find((candidate) => candidate.name === name);
  if (command === undefined) return unknownCommand(name, surroundings, table);
  if (rest.includes('--help') || rest.includes('-h')) {
    stdout.write(helpOf(command));
    return EXIT.done;
  }
  try {
    const { values, positionals } = parsed(command, rest);
    return await command.run({ ...surroundings, values, positionals });
  } catch (error) {
    const fault = error instanceof CommandFailed ? error : systemFault(error);
    if (fault === null) throw error;
    stderr.write(`${colours.red('yard:')} ${fault.message}\n`);
    if (fault.hint !== undefined) stderr.write(`${colours.dim(fault.hint)}\n`);
    return fault.exitCode;
  }
}

function parsed(command: Command, argv: readonly string[]) {
  const limits = command.positionals ?? { min: 0, max: 0 };
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { type, short }]) => [
      name,
      short === undefined ? { type } : { type, short },
    ]),
  );
  const usage = `usage: yard ${command.name} ${command.usage}`.trimEnd();
  const wrong = (message: string, hint?: string) =>
    new CommandFailed(message, { exitCode: EXIT.wrongUsage, hint: hint === undefined ? usage : `${hint}\n${usage}` });
  let result;
  try {
    result = parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw wrong(firstSentence((error as Error).message), meantOption(argv, command));
  }
  const { positionals } = result;
  if (positionals.length < limits.min)
    throw wrong(`yard ${command.name} needs a ${/[A-Z]{2,}/.exec(command.usage)?.[0] ?? 'name'}`);
  if (positionals.length > limits.max) {
    const extra = positionals[limits.max]!;
    throw wrong(`yard ${command.name} does not know what to do with ${JSON.stringify(extra)}`);
  }
  return { values: result.values as Readonly<Record<string, string | boolean | undefined>>, positionals };
}

const firstSentence = (message: string): string => message.split('. ')[0]!.replace(/\.$/, '');

function meantOption(argv: readonly string[], command: Command): string | undefined {
  for (const argument of argv) {
    const name = /^--([^=]+)/.exec(argument)?.[1];
    if (name === undefined || Object.hasOwn(command.options, name)) continue;
    const shown = Object.entries(command.options).filter(([, option]) => option.isHidden !== true);
    const meant = nearestName(
      name,
      shown.map(([option]) => option),
    );
    if (meant !== null) return `did you mean --${meant}?`;
  }
  return undefined;
}

function unknownCommand(name: string, { stderr, colours }: Surroundings, table: readonly Command[]): ExitCode {
  const meant = nearestName(name, [...table.map((command) => command.name), 'help']);
  stderr.write(`${colours.red('yard:')} there is no command ${JSON.stringify(name)}\n`);
  stderr.write(colours.dim(meant === null ? 'yard help lists the commands\n' : `did you mean yard ${meant}?\n`));
  return EXIT.wrongUsage;
}

function help(names: readonly string[], surroundings: Surroundings, table: readonly Command[]): ExitCode {
  const [name] = names;
  if (name === undefined) {
    surroundings.stdout.write(overview(table));
    return EXIT.done;
  }
  const command = table.find((candidate) => candidate.name === name);
  if (command === undefined) return unknownCommand(name, surroundings, table);
  surroundings.stdout.write(helpOf(command));
  return EXIT.done;
}

function overview(table: readonly Command[]): string {
  const rows = table
    .filter((command) => command.isHidden !== true)
    .map((command) => ({ left: shortUsage(command), right: command.summary }));
  const width = Math.max(0, ...rows.map((row) => row.left.length));
  return [
    'yard runs what the switchyard.yaml of this folder says.',
    '',
    'usage: yard COMMAND',
    '',
    ...rows.map((row) => `  ${row.left.padEnd(width)}  ${row.right}`),
    '',
    'yard COMMAND --help tells more about one.',
    'Exit codes: 0 done, 1 failed, 2 wrong usage; of swaps also 3 aborted, what is live never changed,',
    '4 changed and reverted by itself, 5 another swap holds the lock.',
    '',
  ].join('\n');
}

/** Options are left out where there are many. */
function shortUsage({ name, usage }: Command): string {
  const whole = `${name} ${usage}`.trimEnd();
  return whole.length <= USAGE_MAX ? whole : whole.replaceAll(/ \[-[^\]]*\]/g, '');
}

function helpOf(command: Command): string {
  const rows = Object.entries(command.options)
    .filter(([, option]) => option.isHidden !== true)
    .map(([name, option]) => ({
      left: `${option.short === undefined ? '    ' : `-${option.short}, `}--${name}${option.type === 'string' ? ` ${option.placeholder ?? 'VALUE'}` : ''}`,
      right: option.help,
    }));
  const width = Math.max(0, ...rows.map((row) => row.left.length));
  return [
    `usage: yard ${command.name} ${command.usage}`.trimEnd(),
    '',
    `${command.summary[0]!.toUpperCase()}${command.summary.slice(1)}.`,
    ...(command.details === undefined ? [] : ['', command.details.trim()]),
    ...(rows.length === 0 ? [] : ['', ...rows.map((row) => `  ${row.left.padEnd(width)}  ${row.right}`)]),
    '',
  ].join('\n');
}
