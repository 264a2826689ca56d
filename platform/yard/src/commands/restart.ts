/** `yard restart`: one service stops and starts again, from the release it has. */
import type { Command } from '../command.ts';
import { askAboutService } from './service-command.ts';

export const restartCommand: Command = {
  name: 'restart',
  usage: 'SERVICE',
  summary: 'stop and start one service, as it is',
  details: `Its deployment stays the same: what was edited or built since is not in it. A service that could not be
built or started is tried anew. Several instances are restarted one after another.`,
  options: {},
  positionals: { min: 1, max: 1 },
  run: (invocation) => askAboutService(invocation, 'restart', 'is ready'),
};
