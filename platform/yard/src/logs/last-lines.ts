/** The end of a log file. */
import { open } from 'node:fs/promises';

const CHUNK_BYTES = 65_536;

/** Its last lines (at most `count`, from its last 64 KiB, and not from before byte `from`); none when there is no file. */
export async function lastLines(file: string, count: number, from = 0): Promise<string[]> {
  let handle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    const { size } = await handle.stat();
    // A file that is shorter than it was has been rotated: everything in it is new.
    const start = Math.max(size < from ? 0 : from, size - CHUNK_BYTES);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(size - start), 0, size - start, start);
    const lines = buffer.subarray(0, bytesRead).toString('utf8').split('\n');
    return lines.filter((line) => line.trim() !== '').slice(-count);
  } finally {
    await handle.close();
  }
}
