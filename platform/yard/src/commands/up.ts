/** `yard up`: run everything. */
import { CommandFailed } from '../command.ts';
import type { Command } from '../command.ts';

export const upCommand: Command = {
  name: 'up',
  usage: '[-d]',
  summary: 'run everything',
  options: {},
  run: () => Promise.reject(new CommandFailed('not built yet')),
};
