/**
 * Writes bytes whose memory its giver needs back at once: they are copied into pieces of memory that are used again and again. Taking new
 * memory for each piece of a large body cost more than everything else about it.
 */
import type { Writable } from 'node:stream';

const PIECE_BYTES = 65_536;
/** As many as wait for slow receivers at a time, of which these are kept for the next ones. */
const KEPT_MAX = 64;
const kept: Buffer[] = [];

/** What `write` answers: false when there is enough under way. */
export function writeCopy(to: Writable, piece: Buffer): boolean {
  if (piece.length > PIECE_BYTES) return to.write(Buffer.from(piece));
  const memory = kept.pop() ?? Buffer.allocUnsafeSlow(PIECE_BYTES);
  piece.copy(memory);
  return to.write(memory.subarray(0, piece.length), (error) => {
    // After an error nobody knows who still reads it.
    if (error == null && kept.length < KEPT_MAX) kept.push(memory);
  });
}
