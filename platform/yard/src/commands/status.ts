/** `yard status`: what runs, which deployments are live, and what is wrong. */
import { EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { readStatusFromRecords } from '../status/read-status.ts';
import { statusText } from '../terminal/status-text.ts';
import { findYard } from '../yard-folder.ts';
import { readYard } from './read-yard.ts';

export const statusCommand: Command = {
  name: 'status',
  usage: '[--json]',
  summary: 'services, live and standby deployment, instances, epoch',
  options: { json: { type: 'boolean', help: 'one JSON object' } },
  run: async (invocation) => {
    const folder = findYard(invocation.cwd);
    // What runs can be seen also while somebody is in the middle of an edit of the yard file.
    const answer = await askSupervisor(folder, { do: 'status' });
    const status = answer?.status ?? (await readStatusFromRecords(folder, readYard(invocation).yard));
    invocation.stdout.write(
      invocation.values['json'] === true
        ? `${JSON.stringify(status)}\n`
        : `${statusText(status, invocation.colours, new Date())}\n`,
    );
    return EXIT.done;
  },
};
