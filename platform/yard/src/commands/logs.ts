/** `yard logs`: what the services, and the yard itself, have written. */
import { CommandFailed, countGiven, EXIT } from '../command.ts';
import type { Command, Invocation } from '../command.ts';
import { followLogs, recentLines } from '../logs/follow-logs.ts';
import { prettyLogLine } from '../logs/log-line.ts';
import type { LogLine } from '../logs/log-line.ts';
import { nearestName } from '../yard-file/nearest-name.ts';
import { partsOf, readYard } from './read-yard.ts';

const LINES_DEFAULT = 100;
const LINES_MAX = 10_000;

export const logsCommand: Command = {
  name: 'logs',
  usage: '[-f] [-n LINES] [--json] [SERVICE]',
  summary: 'read what services have written',
  details: `SERVICE is a service, registry, gateway, postgres, or yard (the supervisor itself); all of them without one.
On a terminal JSON lines are made readable; elsewhere, and with --json, lines are as they were written.`,
  options: {
    follow: { type: 'boolean', short: 'f', help: 'go on with what is written from now on' },
    lines: { type: 'string', short: 'n', placeholder: 'LINES', help: `how many of the last lines (${LINES_DEFAULT})` },
    json: { type: 'boolean', help: 'lines as they were written' },
  },
  positionals: { min: 0, max: 1 },
  run: async (invocation) => {
    const { folder, yard } = readYard(invocation);
    const service = invocation.positionals[0] ?? null;
    const known = [...partsOf(yard), 'postgres', 'yard'];
    if (service !== null && !known.includes(service)) {
      const meant = nearestName(service, known);
      throw new CommandFailed(`there is no service ${JSON.stringify(service)}`, {
        hint: meant === null ? `there are ${[...new Set(known)].join(', ')}` : `did you mean ${meant}?`,
      });
    }
    const count = countGiven(invocation.values, 'lines', { absent: LINES_DEFAULT, max: LINES_MAX });
    const write = writer(invocation, known);
    for (const line of await recentLines(folder.logs, service, count)) write(line);
    if (invocation.values['follow'] === true) {
      const stop = new AbortController();
      const end = () => stop.abort();
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
      await followLogs(folder.logs, service, (lines) => lines.forEach(write), stop.signal);
    }
    return EXIT.done;
  },
};

function writer({ stdout, colours, values }: Invocation, known: readonly string[]): (line: LogLine) => void {
  if (stdout.isTTY !== true || values['json'] === true) return ({ text }) => stdout.write(`${text}\n`);
  const palette = [colours.green, colours.magenta, colours.blue, colours.yellow, colours.cyan];
  const width = Math.max(...known.map((name) => name.length));
  return (line) => {
    const colour = palette[Math.max(0, known.indexOf(line.service)) % palette.length]!;
    stdout.write(`${colour(line.service.padEnd(width))} ${prettyLogLine(line, colours)}\n`);
  };
}
