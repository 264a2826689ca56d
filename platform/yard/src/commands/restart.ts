/** `yard restart`: restart one service. */
import { CommandFailed } from '../command.ts';
import type { Command } from '../command.ts';

export const restartCommand: Command = {
  name: 'restart',
  usage: 'SERVICE',
  summary: 'restart one service',
  options: {},
  run: () => Promise.reject(new CommandFailed('not built yet')),
};
