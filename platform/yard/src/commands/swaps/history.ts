/** `yard history`: past swaps with their figures. */
import { countGiven, EXIT } from '../../command.ts';
import type { Command } from '../../command.ts';
import { SwapHistory } from '../../swap/swap-history.ts';
import { historyTable } from '../../terminal/history-table.ts';
import { findYard } from '../../yard-folder.ts';

const COUNT_DEFAULT = 20;
const COUNT_MAX = 10_000;

export const historyCommand: Command = {
  name: 'history',
  usage: '[-n COUNT] [--json] [SERVICE]',
  summary: 'past swaps with their figures, the newest last',
  details: `ACK is the time from the commit until everyone routed by it.`,
  options: {
    count: { type: 'string', short: 'n', placeholder: 'COUNT', help: `how many of the last swaps (${COUNT_DEFAULT})` },
    json: { type: 'boolean', help: 'one report a line' },
  },
  positionals: { min: 0, max: 1 },
  run: async ({ cwd, stdout, stderr, colours, values, positionals }) => {
    const [service] = positionals;
    const count = countGiven(values, 'count', { absent: COUNT_DEFAULT, max: COUNT_MAX });
    const { reports, damaged } = await new SwapHistory(findYard(cwd).history).readAll();
    // A service that has left the yard file still has a past: any name may be asked for.
    const about = reports.filter(({ services }) => service === undefined || Object.hasOwn(services, service));
    const shown = count === 0 ? [] : about.slice(-count);
    if (values['json'] === true) for (const report of shown) stdout.write(`${JSON.stringify(report)}\n`);
    else if (shown.length > 0) {
      const columns = stdout.isTTY === true ? (stdout.columns ?? 80) : null;
      stdout.write(`${historyTable(shown, { colours, columns }).join('\n')}\n`);
    } else
      stdout.write(service === undefined ? 'nothing has been swapped yet\n' : `no swap of ${service} is remembered\n`);
    if (damaged > 0) stderr.write(`${damaged} ${damaged === 1 ? 'line' : 'lines'} of the history could not be read\n`);
    return EXIT.done;
  },
};
