/** `yard status`: services, deployments, instances, epoch. */
import { CommandFailed } from '../command.ts';
import type { Command } from '../command.ts';

export const statusCommand: Command = {
  name: 'status',
  usage: '[--json]',
  summary: 'services, deployments, instances, epoch',
  options: {},
  run: () => Promise.reject(new CommandFailed('not built yet')),
};
