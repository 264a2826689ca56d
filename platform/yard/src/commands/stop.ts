/** `yard stop`: stop one service. */
import { CommandFailed } from '../command.ts';
import type { Command } from '../command.ts';

export const stopCommand: Command = {
  name: 'stop',
  usage: 'SERVICE',
  summary: 'stop one service',
  options: {},
  run: () => Promise.reject(new CommandFailed('not built yet')),
};
