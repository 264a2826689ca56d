/** `yard swap`: builds the working tree as a new deployment and makes it live. */
import { durationMs } from '@switchyard/contracts/yard-file';
import { wrongUsage } from '../../command.ts';
import type { Command, Invocation } from '../../command.ts';
import type { SwapRequest } from '../../swap/swap-request.ts';
import { isFinal, swapStages } from '../../swap/swap-stage.ts';
import type { SwapStage } from '../../swap/swap-stage.ts';
import { nearestName } from '../../yard-file/nearest-name.ts';
import { isPlatform, namedServices } from './named-services.ts';
import { watchSwap } from './watch-swap.ts';

const BAKE_MAX_MS = 86_400_000;
export const SERVICES_AT_ONCE_MAX = 50;

export const swapCommand: Command = {
  name: 'swap',
  usage: 'SERVICE… [--canary PERCENT] [--bake DURATION] [--preview] [--no-rollback] [--no-wait] [--json]',
  summary: 'make the working tree live, without a lost request',
  details: `Builds a new deployment beside the one that is live, changed or not, and starts it; once it is well and every
gateway routes by it, the one before is drained. It stays hot for the bake: if the new one dies or is worse meanwhile,
it is taken back by itself. Several services go live in one epoch, or none does; gateway and registry go alone.
A preview stands until yard promote or yard abort; promoted with --canary, it begins its canary.
Returns after the bake. Ctrl-C before the commit gives it up (exit code 3); after it, the swap goes on and the command
ends with 0; a second Ctrl-C leaves at once.
Exit codes: 3 aborted, what is live never changed; 4 changed and taken back; 5 another swap is under way.`,
  options: {
    canary: { type: 'string', placeholder: 'PERCENT', help: 'begin with this share of the requests, 1 to 99' },
    bake: {
      type: 'string',
      placeholder: 'DURATION',
      help: 'keep the one before hot for this time (30s, 5m); default: as switchyard.yaml says',
    },
    preview: { type: 'boolean', help: "start it for requests with the operator's token alone, until it is promoted" },
    'no-rollback': { type: 'boolean', help: 'stop the one before as soon as it is drained' },
    'no-wait': { type: 'boolean', help: 'return once the one before is drained; the bake goes on' },
    json: { type: 'boolean', help: 'one JSON object a line: events, then the report' },
    'hold-at': { type: 'string', placeholder: 'STAGE', help: 'stop at this stage', isHidden: true },
  },
  positionals: { min: 1, max: SERVICES_AT_ONCE_MAX },
  run: async (invocation) => {
    const swap = swapAsked(invocation, typedAtMs(invocation.env));
    const { folder, services } = await namedServices(invocation);
    return watchSwap(invocation, { folder, asked: { do: 'swap', swap }, services, onInterrupt: 'abort' });
  },
};

/** As the launcher noted it before it started this process; ms since 1970. */
export const typedAtMs = (env: NodeJS.ProcessEnv): number => Number(env['YARD_TYPED_AT_MS']) || performance.timeOrigin;

/**
 * What was typed, as the supervisor is asked for it. `askedAtMs`: since 1970.
 *
 * @throws CommandFailed for wrong usage
 */
export function swapAsked(
  { values, positionals }: Pick<Invocation, 'values' | 'positionals'>,
  askedAtMs: number,
): SwapRequest {
  const bakeMs = bakeOf(values['bake']);
  const canaryPercent = percentOf(values['canary']);
  const isPreview = values['preview'] === true;
  const isWithoutRollback = values['no-rollback'] === true;
  if (isWithoutRollback && bakeMs !== null) {
    throw wrongUsage(
      '--no-rollback stops the deployment before at once, so that there is no --bake',
      'give one of the two',
    );
  }
  const part = positionals.find(isPlatform);
  if (part !== undefined && (isPreview || canaryPercent !== null)) {
    throw wrongUsage(
      `the ${part} has no ${isPreview ? 'preview' : 'canary'}: there is one at a time`,
      `yard swap ${part}`,
    );
  }
  return {
    services: [...positionals],
    kind: 'swap',
    bakeMs,
    canaryPercent,
    isPreview,
    isWithoutRollback,
    waitsForBake: values['no-wait'] !== true,
    askedAtMs,
    holdAt: stageOf(values['hold-at']),
  };
}

function bakeOf(written: string | boolean | undefined): number | null {
  if (typeof written !== 'string') return null;
  const ms = durationMs(written);
  if (ms !== null && ms <= BAKE_MAX_MS) return ms;
  throw wrongUsage(`--bake is ${JSON.stringify(written)}; it must be a duration such as 30s, 500ms or 2m (0s to 24h)`);
}

function percentOf(written: string | boolean | undefined): number | null {
  if (typeof written !== 'string') return null;
  const percent = Number(/^([0-9]{1,2})%?$/.exec(written)?.[1] ?? Number.NaN);
  if (percent >= 1 && percent <= 99) return percent;
  throw wrongUsage(
    `--canary is ${JSON.stringify(written)}; it must be a share in percent, a whole number from 1 to 99`,
  );
}

function stageOf(written: string | boolean | undefined): SwapStage | null {
  if (typeof written !== 'string') return null;
  const known = swapStages.filter((stage) => !isFinal(stage));
  const stage = known.find((candidate) => candidate === written);
  if (stage !== undefined) return stage;
  const meant = nearestName(written, known);
  throw wrongUsage(
    `--hold-at is ${JSON.stringify(written)}; it must be a stage of a swap`,
    meant === null ? known.join(', ') : `did you mean ${meant}?`,
  );
}
