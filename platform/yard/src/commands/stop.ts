/** `yard stop`: one service stops, until it is restarted or the yard comes up anew. */
import type { Command } from '../command.ts';
import { askAboutService } from './service-command.ts';

export const stopCommand: Command = {
  name: 'stop',
  usage: 'SERVICE',
  summary: 'stop one service; yard restart starts it',
  options: {},
  positionals: { min: 1, max: 1 },
  run: (invocation) => askAboutService(invocation, 'stop', 'has stopped'),
};
