/** The state of a yard as `yard status --json` prints it. */
import { side } from '@switchyard/contracts/registry';
import { z } from 'zod';
import { swapStages } from '../swap/swap-stage.ts';

const phase = z.enum(['waiting', 'preparing', 'starting', 'ready', 'pausing', 'stopping', 'stopped']);

export const instanceStatus = z.object({
  id: z.string(),
  deployment: z.string(),
  side,
  /** Where it answers; null until it was found well. */
  host: z.string().nullable(),
  port: z.int(),
  pid: z.int().nullable(),
  state: phase,
  startedAt: z.string(),
  restarts: z.int(),
});

const partStatus = z.object({
  state: phase,
  /** What it waits for, or what is wrong; empty when there is nothing to say. */
  detail: z.string(),
  fault: z.string().nullable(),
  instances: z.array(instanceStatus),
});

export const yardStatus = z.object({
  root: z.string(),
  /** Null when no supervisor runs: what is said is then what the records and the machine tell. */
  supervisor: z.object({ pid: z.int(), startedAt: z.string() }).nullable(),
  /** Number of the routing table; null when the registry does not answer. */
  epoch: z.int().nullable(),
  /** Where the application answers. */
  url: z.string(),
  services: z.record(
    z.string(),
    partStatus.extend({
      live: z.string().nullable(),
      standby: z.string().nullable(),
      /** The new deployment of a swap before its commit. */
      candidate: z.string().nullable().default(null),
      /** The swap that goes on. */
      swap: z
        .object({
          id: z.string(),
          stage: z.enum(swapStages),
          /** What is being done; may be empty. */
          detail: z.string(),
          /** Share of a canary; null when there is none. */
          canaryPercent: z.int().nullable(),
        })
        .nullable()
        .default(null),
      needs: z.array(z.string()),
    }),
  ),
  registry: partStatus,
  gateway: partStatus,
  /** Null when no service asks for a database. */
  postgres: z
    .object({
      state: phase,
      detail: z.string(),
      embedded: z.boolean(),
      port: z.int().nullable(),
      pid: z.int().nullable(),
    })
    .nullable(),
});
export type YardStatus = z.infer<typeof yardStatus>;
export type PartStatus = z.infer<typeof partStatus>;
