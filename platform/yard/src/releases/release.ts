/** A release: what one deployment runs, kept for as long as it may run again. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { side } from '@switchyard/contracts/registry';
import { z } from 'zod';

/** What the yard file says of a service, as far as it belongs to a deployment and never changes with it. Secrets are names, not values. */
export const releaseEntry = z.object({
  run: z.string(),
  env: z.record(z.string(), z.string()),
  ports: z.tuple([z.int(), z.int()]),
  instances: z.int(),
  health: z.string().optional(),
  startTimeoutMs: z.int(),
  stopGraceMs: z.int(),
  postgres: z.string().optional(),
  /** Commands around its life, as in the yard file: before it starts, and once it alone is left. */
  migrate: z.string().optional(),
  contract: z.string().optional(),
});
export type ReleaseEntry = z.infer<typeof releaseEntry>;

/** `release.json`. */
export const releaseFile = z.object({
  version: z.literal(1),
  service: z.string(),
  deployment: z.string(),
  side,
  madeAt: z.string(),
  /** Of the sources, the packages and the entry: the same fingerprint is the same release. */
  fingerprint: z.string(),
  /** Which third-party packages it uses; null: none. */
  storeKey: z.string().nullable(),
  /** Folder of the service below `tree/`. */
  dir: z.string(),
  entry: releaseEntry,
});

export interface Release extends z.infer<typeof releaseFile> {
  /** Absolute folder in which `run` starts. */
  readonly cwd: string;
  /** Absolute folder of the commands that its packages bring; may not exist. */
  readonly bin: string;
}

/** What of a declaration belongs to a release; of a service or of a part of the platform. */
export function releaseEntryOf(declaration: ReleaseEntry): ReleaseEntry {
  const { run, env, ports, instances, health, startTimeoutMs, stopGraceMs, postgres, migrate, contract } = declaration;
  return {
    run,
    env,
    ports,
    instances,
    ...(health === undefined ? {} : { health }),
    startTimeoutMs,
    stopGraceMs,
    ...(postgres === undefined ? {} : { postgres }),
    // Absent, not undefined: the fingerprint of what was made before there were hooks stays the same.
    ...(migrate === undefined ? {} : { migrate }),
    ...(contract === undefined ? {} : { contract }),
  };
}

export function releaseAt(folder: string, file: z.infer<typeof releaseFile>): Release {
  const tree = join(folder, 'tree');
  return { ...file, cwd: join(tree, file.dir), bin: join(tree, 'node_modules', '.bin') };
}

/** Names of deployments: `users-7`. */
export const deploymentName = (service: string, number: number): string => `${service}-${number}`;

/** 7 of `users-7`; null when it is no deployment of the service. */
export function deploymentNumber(service: string, deployment: string): number | null {
  const number = deployment.startsWith(`${service}-`) ? deployment.slice(service.length + 1) : '';
  return /^[1-9][0-9]{0,9}$/.test(number) ? Number(number) : null;
}

/** Independent of the order of keys. */
export function entryFingerprint(entry: ReleaseEntry): string {
  const ordered = { ...releaseEntryOf(entry), env: Object.entries(entry.env).sort(([a], [b]) => (a < b ? -1 : 1)) };
  return createHash('sha256').update(JSON.stringify(ordered)).digest('hex');
}
