/** `yard rollback`: the deployment before becomes live again. */
import type { Command } from '../../command.ts';
import type { SwapRequest } from '../../swap/swap-request.ts';
import { namedServices } from './named-services.ts';
import { SERVICES_AT_ONCE_MAX, typedAtMs } from './swap.ts';
import { watchSwap } from './watch-swap.ts';

export const rollbackCommand: Command = {
  name: 'rollback',
  usage: 'SERVICE… [--no-wait] [--json]',
  summary: 'make the deployment before live again',
  details: `At once while that one is hot; else its kept release is started and checked first, as in a swap.
Several services go back in one epoch, or none does. Ctrl-C and exit codes are those of yard swap.`,
  options: {
    'no-wait': { type: 'boolean', help: 'return once it is live and the other one is drained' },
    json: { type: 'boolean', help: 'one JSON object a line: events, then the report' },
  },
  positionals: { min: 1, max: SERVICES_AT_ONCE_MAX },
  run: async (invocation) => {
    const { values } = invocation;
    const { folder, services } = await namedServices(invocation);
    const swap: SwapRequest = {
      services: [...services],
      kind: 'rollback',
      bakeMs: null,
      canaryPercent: null,
      isPreview: false,
      isWithoutRollback: false,
      waitsForBake: values['no-wait'] !== true,
      askedAtMs: typedAtMs(invocation.env),
      holdAt: null,
    };
    return watchSwap(invocation, { folder, asked: { do: 'swap', swap }, services, onInterrupt: 'abort' });
  },
};
