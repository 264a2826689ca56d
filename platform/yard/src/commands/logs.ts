/** `yard logs`: read what services wrote. */
import { CommandFailed } from '../command.ts';
import type { Command } from '../command.ts';

export const logsCommand: Command = {
  name: 'logs',
  usage: '[-f] [SERVICE]',
  summary: 'read what services wrote',
  options: {},
  run: () => Promise.reject(new CommandFailed('not built yet')),
};
