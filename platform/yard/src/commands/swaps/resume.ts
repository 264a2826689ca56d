/** `yard resume`: finishes or undoes whatever an interrupted swap left. */
import { readYard } from '../read-yard.ts';
import type { Command } from '../../command.ts';
import { askSupervisor } from '../../control/control-client.ts';
import { launchSupervisor } from '../../control/launch-supervisor.ts';
import { findYard } from '../../yard-folder.ts';
import { watchSwap } from './watch-swap.ts';

export const resumeCommand: Command = {
  name: 'resume',
  usage: '[--json]',
  summary: 'finish or undo whatever an interrupted swap left',
  details: `Without a supervisor, one is started in the background, as by yard up -d; it takes over what runs. A swap that was
interrupted before its commit is undone, after it finished. Exit code 0 once nothing is left undecided, whichever way.`,
  options: { json: { type: 'boolean', help: 'one JSON object a line: events, then the report' } },
  run: async (invocation) => {
    const folder = findYard(invocation.cwd);
    if ((await askSupervisor(folder, { do: 'status' })) === null) {
      await launchSupervisor(readYard(invocation).folder, invocation.env);
      const told = invocation.values['json'] === true ? invocation.stderr : invocation.stdout;
      told.write('a supervisor was started in the background; yard down stops everything\n');
    }
    return watchSwap(invocation, { folder, asked: { do: 'resume' }, services: null, onInterrupt: 'leave' });
  },
};
