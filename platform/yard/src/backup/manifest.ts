/** What a backup says of itself, in `manifest.json`: of which form it is, and every file with its sum. */
import { z } from 'zod';

export const BACKUP_VERSION = 1;
/** Folders of the archive besides `manifest.json`. */
export const STATE = 'state';
export const POSTGRES = 'postgres';

/** Relative, with `/`, below `state` or `postgres`; nothing that could lead out of the folder it is unpacked in. */
const path = z
  .string()
  .max(1_000)
  .regex(/^(?:state|postgres)(?:\/[^/\u0000]+)+$/)
  .refine((written) => !written.split('/').some((part) => part === '.' || part === '..'));

export const manifest = z.strictObject({
  format: z.literal('switchyard-backup'),
  version: z.literal(BACKUP_VERSION),
  madeAt: z.iso.datetime(),
  /** Services by name, and the number of their last deployment. */
  services: z.record(z.string(), z.int()),
  /** Of the embedded server; null when the yard has none. `isOnline`: taken while it ran, so that its log is replayed at the first start. */
  postgres: z.strictObject({ major: z.string(), isOnline: z.boolean(), databases: z.array(z.string()) }).nullable(),
  /** Folders, also empty ones: PostgreSQL does not start without some. */
  folders: z.array(path),
  files: z.array(z.strictObject({ path, sizeBytes: z.int().min(0), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
});
export type Manifest = z.infer<typeof manifest>;
export type FileSum = Manifest['files'][number];

/** Whether the text is a manifest that this version can restore; a sentence when not. */
export function readManifest(text: string): { manifest: Manifest } | { fault: string } {
  let written: unknown;
  try {
    written = JSON.parse(text);
  } catch {
    return { fault: 'its manifest is not JSON' };
  }
  const { format, version } = (written ?? {}) as { format?: unknown; version?: unknown };
  if (format !== 'switchyard-backup') return { fault: 'it is no backup of a yard' };
  if (version !== BACKUP_VERSION) {
    return { fault: `it is of version ${JSON.stringify(version)}; this yard restores version ${BACKUP_VERSION}` };
  }
  const parsed = manifest.safeParse(written);
  return parsed.success ? { manifest: parsed.data } : { fault: 'its manifest is damaged' };
}
