/** `yard down`: stop everything. */
import { CommandFailed } from '../command.ts';
import type { Command } from '../command.ts';

export const downCommand: Command = {
  name: 'down',
  usage: '',
  summary: 'stop everything',
  options: {},
  run: () => Promise.reject(new CommandFailed('not built yet')),
};
