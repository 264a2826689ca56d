/** What is known of a swap: the report at its end, a line of `yard history`, and the progress that is told meanwhile. */
import { z } from 'zod';
import { swapStages } from './swap-stage.ts';

const stage = z.enum(swapStages);

/** Sums over all gateways, of requests that ended while the swap went on. */
const requests = z.object({ requests: z.int(), failed: z.int(), meanLatencyMs: z.number() });

export const swapReport = z.object({
  version: z.literal(1),
  /** `swap-` and 12 hex digits. */
  id: z.string(),
  kind: z.enum(['swap', 'rollback']),
  /** From and to which deployment; `from` is null when nothing was live, `to` when none was made. `gateway` and `registry` may be among them. */
  services: z.record(z.string(), z.object({ from: z.string().nullable(), to: z.string().nullable() })),
  startedAt: z.string(),
  endedAt: z.string(),
  /** done: the new one is live. aborted: the live one never changed. reverted: it changed and was taken back. */
  outcome: z.enum(['done', 'aborted', 'reverted']),
  /** One sentence, when the outcome is not `done`, or when something is worth telling all the same (a contract hook that failed). */
  reason: z.string().nullable(),
  /** Last log lines of the new deployment, when it is the reason. */
  lines: z.array(z.string()),
  /** Stages in the order in which they were reached; `atMs` since the start. */
  timeline: z.array(z.object({ stage, atMs: z.int() })),
  /** Epoch of the commit; null without one. */
  epoch: z.int().nullable(),
  /** From the answer to the commit until every watcher routed by it. */
  commitToAcknowledgedMs: z.number().nullable(),
  /** From the word to take it back until the deployment before was live again. */
  revertMs: z.number().nullable(),
  /** By deployment. */
  requests: z.record(z.string(), requests),
  /** Requests that still ran on the deployment before when their time was over. */
  cut: z.int(),
});
export type SwapReport = z.infer<typeof swapReport>;

/** Told to those who watch, and printed by `--json`, one object a line. */
export const swapEvent = z.object({
  kind: z.literal('swap'),
  /** Id of the swap. */
  id: z.string(),
  /** As in the report, as far as it is known. */
  services: swapReport.shape.services,
  /** Stage that was reached, or is being worked from. */
  stage,
  /** What is being done, for people; empty when there is nothing to add to the stage. */
  detail: z.string(),
  /** Milliseconds since the swap began. */
  sinceMs: z.int(),
  /** Numbers that go with it, for those who draw: `inFlight`, `waitingFor` (watchers), `bakeLeftMs`, `percent` (canary), `requests`, `failed`. */
  figures: z.record(z.string(), z.number()),
  /** At the stage named by `--hold-at`, which is for tests: it stays there until the supervisor ends. */
  isHeld: z.boolean().optional(),
});
export type SwapEvent = z.infer<typeof swapEvent>;
