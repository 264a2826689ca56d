/** Where the supervisor's socket is: in `.yard`, or, when that path is too long for a socket, in a private folder of the system's temporary one. */
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { readFileIfAny } from '../state/atomic-file.ts';
import type { YardFolder } from '../yard-folder.ts';

/** sun_path has 108 bytes on Linux and 104 on macOS, the closing zero included. */
const PATH_MAX_BYTES = 103;

/** `.yard/supervisor.json`: written once the socket answers. */
export const supervisorFile = z.object({
  version: z.literal(1),
  socket: z.string(),
  pid: z.int(),
  born: z.string(),
  startedAt: z.string(),
});
export type SupervisorFile = z.infer<typeof supervisorFile>;

/** The path to listen on; makes the folder when it is elsewhere. */
export function socketPlace(folder: YardFolder, yardId: string): string {
  if (Buffer.byteLength(folder.socket) <= PATH_MAX_BYTES) return folder.socket;
  const user = process.getuid?.() ?? 0;
  const base = Buffer.byteLength(tmpdir()) <= 50 ? tmpdir() : '/tmp';
  const place = join(base, `switchyard-${user}-${yardId}`);
  mkdirSync(place, { recursive: true, mode: 0o700 });
  const made = lstatSync(place);
  if (!made.isDirectory() || made.uid !== user || (made.mode & 0o077) !== 0) {
    throw new Error(`${place} is not a private folder of this user; remove it`);
  }
  return join(place, 'supervisor.sock');
}

/** What the last supervisor wrote of itself; it may be dead by now. */
export async function readSupervisorFile(folder: YardFolder): Promise<SupervisorFile | null> {
  const text = await readFileIfAny(folder.supervisorFile);
  if (text === null) return null;
  try {
    const parsed = supervisorFile.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}
