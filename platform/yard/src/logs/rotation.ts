/** Keeps log files short: a file over the limit is copied aside and emptied, without its writers noticing. */
import { copyFile, open, readdir, rename, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';

export interface RotationLimits {
  readonly sizeMaxBytes: number;
  /** Older parts kept: `name.log.1` is the newest. */
  readonly kept: number;
}

export const ROTATION: RotationLimits = { sizeMaxBytes: 10_000_000, kept: 5 };

/** Somebody who writes faster than this is copied does not keep the rotation from its end. */
const REST_ROUNDS_MAX = 20;
const REST_MAX_BYTES = 1_048_576;

/** Looks at every `*.log` below `folder`, two levels deep. A file that cannot be rotated (a full disk) is left and tried again. */
export async function rotateLogs(folder: string, limits: RotationLimits = ROTATION): Promise<void> {
  for (const file of await logFiles(folder)) {
    const size = (await stat(file).catch(() => null))?.size ?? 0;
    if (size > limits.sizeMaxBytes) await rotate(file, limits.kept).catch(() => undefined);
  }
}

/** Every `*.log` below the folder of logs: `<service>/<name>.log`. */
export async function logFiles(folder: string): Promise<string[]> {
  const services = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files: string[] = [];
  for (const service of services) {
    if (!service.isDirectory()) continue;
    const names = await readdir(join(folder, service.name)).catch(() => []);
    for (const name of names) if (name.endsWith('.log')) files.push(join(folder, service.name, name));
  }
  return files.sort();
}

/** Writers append (O_APPEND), so that after the emptying they go on at the beginning. Renaming would leave them writing to the old part. */
async function rotate(file: string, kept: number): Promise<void> {
  await rm(`${file}.${kept}`, { force: true });
  for (let number = kept - 1; number >= 1; number -= 1) {
    await rename(`${file}.${number}`, `${file}.${number + 1}`).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error;
    });
  }
  await copyFile(file, `${file}.1`);
  await copyRest(file, `${file}.1`);
  await truncate(file, 0);
}

/** What was written while the file was copied; what comes between the last look and the emptying is lost, which takes microseconds. */
async function copyRest(file: string, part: string): Promise<void> {
  const to = await open(part, 'a');
  const from = await open(file, 'r');
  try {
    let { size: offset } = await to.stat();
    for (let round = 0; round < REST_ROUNDS_MAX; round += 1) {
      const length = Math.min((await from.stat()).size - offset, REST_MAX_BYTES);
      if (length <= 0) return;
      const { buffer, bytesRead } = await from.read(Buffer.alloc(length), 0, length, offset);
      await to.appendFile(buffer.subarray(0, bytesRead));
      offset += bytesRead;
    }
  } finally {
    await from.close();
    await to.close();
  }
}
