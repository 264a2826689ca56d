/** Follows the frames of one direction of a WebSocket (RFC 6455 section 5.2) as far as to know where one ends. */

/** Bytes of a frame's head before its payload, of which the first two say how many there are. */
const HEAD_MAX = 14;

export class FrameBorder {
  private readonly head = Buffer.alloc(HEAD_MAX);
  private headLength = 0;
  private payloadLeft = 0;

  /** Whether the bytes seen so far end with a whole frame, so that another may be put in after them. */
  get isReached(): boolean {
    return this.headLength === 0 && this.payloadLeft === 0;
  }

  feed(chunk: Buffer): void {
    let index = 0;
    while (index < chunk.length) {
      if (this.payloadLeft > 0) {
        const step = Math.min(this.payloadLeft, chunk.length - index);
        this.payloadLeft -= step;
        index += step;
        continue;
      }
      this.head[this.headLength] = chunk[index]!;
      this.headLength += 1;
      index += 1;
      if (this.headLength < 2 || this.headLength < headBytes(this.head[1]!)) continue;
      this.payloadLeft = payloadBytes(this.head);
      this.headLength = 0;
    }
  }
}

function headBytes(second: number): number {
  const length = second & 0x7f;
  const masked = (second & 0x80) === 0 ? 0 : 4;
  return 2 + masked + (length === 126 ? 2 : length === 127 ? 8 : 0);
}

function payloadBytes(head: Buffer): number {
  const length = head[1]! & 0x7f;
  if (length === 126) return head.readUInt16BE(2);
  return length === 127 ? Number(head.readBigUInt64BE(2)) : length;
}

/** A close frame from server to client, unmasked. */
export function closeFrame(code: number): Buffer {
  return Buffer.from([0x88, 0x02, code >> 8, code & 0xff]);
}
