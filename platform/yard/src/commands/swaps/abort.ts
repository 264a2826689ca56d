/** `yard abort`: gives up a swap before its commit, takes it back after. */
import type { Command } from '../../command.ts';
import { namedServices } from './named-services.ts';
import { watchSwap } from './watch-swap.ts';

export const abortCommand: Command = {
  name: 'abort',
  usage: 'SERVICE [--json]',
  summary: 'give up a preview, a canary, or a swap that is under way',
  details: `Before the commit, the new deployment is stopped and what is live has never changed; in the bake, the deployment
before becomes live again.`,
  options: { json: { type: 'boolean', help: 'one JSON object a line: events, then the report' } },
  positionals: { min: 1, max: 1 },
  run: async (invocation) => {
    const { folder, services } = await namedServices(invocation);
    const asked = { do: 'abort', service: services[0]! } as const;
    return watchSwap(invocation, { folder, asked, services, onInterrupt: 'leave' });
  },
};
