/** Reads server-sent events from the bytes of a stream (WHATWG HTML, section 9.2.6). */

export interface ServerSentEvent {
  /** `message` when the stream names none. */
  readonly type: string;
  readonly data: string;
  /** The last id that the stream gave, with this event or before it; '' before the first. */
  readonly lastEventId: string;
}

/** An event longer than this is not for us: 64 Mi characters, far above the largest table. */
const EVENT_MAX_CHARACTERS = 67_108_864;

/**
 * Give it chunks as they arrive; `onEvent` gets each event once its blank line is read. Comments only prove that somebody is there.
 *
 * @throws RangeError from `push` when an event grows beyond its bound
 */
export class EventStreamReader {
  private readonly decoder = new TextDecoder();
  private readonly onEvent: (event: ServerSentEvent) => void;
  private partialLine = '';
  private skipsLineFeed = false;
  private type = '';
  private data: string[] = [];
  private dataLength = 0;
  private lastEventId = '';

  constructor(onEvent: (event: ServerSentEvent) => void) {
    this.onEvent = onEvent;
  }

  push(chunk: Uint8Array): void {
    const text = this.decoder.decode(chunk, { stream: true });
    let from = 0;
    const lineEnd = /[\r\n]/g;
    if (this.skipsLineFeed && text.startsWith('\n')) from = 1;
    if (text !== '') this.skipsLineFeed = false;
    lineEnd.lastIndex = from;
    for (let match = lineEnd.exec(text); match !== null; match = lineEnd.exec(text)) {
      const line = this.partialLine + text.slice(from, match.index);
      this.partialLine = '';
      from = match.index + 1;
      if (match[0] === '\r') {
        if (text[from] === '\n') from += 1;
        else if (from === text.length) this.skipsLineFeed = true;
      }
      lineEnd.lastIndex = from;
      this.takeLine(line);
    }
    this.partialLine += text.slice(from);
    if (this.partialLine.length + this.dataLength > EVENT_MAX_CHARACTERS)
      throw new RangeError('a server-sent event is longer than this reader takes');
  }

  private takeLine(line: string): void {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
    if (field === 'data') {
      this.data.push(value);
      this.dataLength += value.length + 1;
    } else if (field === 'event') this.type = value;
    else if (field === 'id' && !value.includes('\0')) this.lastEventId = value;
  }

  private dispatch(): void {
    const event = { type: this.type || 'message', data: this.data.join('\n'), lastEventId: this.lastEventId };
    const isEmpty = this.data.length === 0;
    this.type = '';
    this.data = [];
    this.dataLength = 0;
    if (!isEmpty) this.onEvent(event);
  }
}
