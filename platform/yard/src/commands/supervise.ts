/** `yard supervise`: what `yard up -d` leaves running; not meant to be typed. */
import { EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { runSupervisor } from '../supervisor/run-supervisor.ts';
import { readYard } from './read-yard.ts';

export const superviseCommand: Command = {
  name: 'supervise',
  usage: '',
  summary: 'run everything without a terminal',
  options: {},
  isHidden: true,
  run: async (invocation) => {
    const { folder, yard } = readYard(invocation);
    await runSupervisor({
      folder,
      yard,
      env: invocation.env,
      onEvent: () => undefined,
      onStopping: () => undefined,
    });
    return EXIT.done;
  },
};
