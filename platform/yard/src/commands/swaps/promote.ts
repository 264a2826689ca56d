/** `yard promote`: ends a preview, a canary or a bake by going on. */
import type { Command } from '../../command.ts';
import { namedServices } from './named-services.ts';
import { watchSwap } from './watch-swap.ts';

export const promoteCommand: Command = {
  name: 'promote',
  usage: 'SERVICE [--no-wait] [--json]',
  summary: 'make a preview or a canary live',
  details: `A preview that was asked for with --canary begins its canary; a canary gets all the traffic; a bake ends, and the
deployment before is stopped. Exit codes are those of yard swap; Ctrl-C leaves, and the swap goes on.`,
  options: {
    'no-wait': { type: 'boolean', help: 'return once the one before is drained; the bake goes on' },
    json: { type: 'boolean', help: 'one JSON object a line: events, then the report' },
  },
  positionals: { min: 1, max: 1 },
  run: async (invocation) => {
    const { folder, services } = await namedServices(invocation);
    const waitsForBake = invocation.values['no-wait'] !== true;
    const asked = { do: 'promote', service: services[0]!, waitsForBake } as const;
    return watchSwap(invocation, { folder, asked, services, onInterrupt: 'leave' });
  },
};
