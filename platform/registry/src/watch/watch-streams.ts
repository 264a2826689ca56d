/** Sends the table and its changes to every watch that is open; what they all get is written once. */
import type { Clock } from '@switchyard/kit/clock';
import type { RoutingTable } from '../table/routing-table.ts';

/** Comments show that the connection is alive; watchers give up after three of them are missing (kit TableWatch). */
export const HEARTBEAT_MS = 5_000;
/** A watch that has read none of this many bytes, besides a table, is cut: it resumes, or gets the table anew. */
const BACKLOG_MAX_BYTES = 4_194_304;

/** What is needed of an HTTP response. */
export interface WatchStream {
  readonly writableLength: number;
  write(chunk: Buffer): boolean;
  end(): void;
  destroy(): void;
}

export interface WatchStreamsOptions {
  readonly table: RoutingTable;
  readonly clock: Clock;
  readonly maxStreams: number;
  /** False while this process's revisions are not reserved: an id could then be another process's. */
  readonly canResume: () => boolean;
}

export class WatchStreams {
  private readonly options: WatchStreamsOptions;
  /** Stream -> bytes that it may leave unread. */
  private readonly streams = new Map<WatchStream, number>();
  private sentRevision: number;
  private flushing: NodeJS.Immediate | null = null;
  private tableMessage: { revision: number; bytes: Buffer } | null = null;
  private cancelHeartbeat = (): void => {};
  private cuts = 0;

  constructor(options: WatchStreamsOptions) {
    this.options = options;
    this.sentRevision = options.table.revision;
    this.beat();
  }

  get count(): number {
    return this.streams.size;
  }

  get isFull(): boolean {
    return this.streams.size >= this.options.maxStreams;
  }

  /** Watches cut because they read too slowly. */
  get slowCuts(): number {
    return this.cuts;
  }

  /**
   * Begins a watch whose head is out. Without `lastEventId` the table comes first; with it, one `change` with all that happened since (nothing,
   * when nothing did), or, when that is not known any more, `resync` and the table.
   */
  open(stream: WatchStream, lastEventId: string | undefined): void {
    this.flush();
    const { table } = this.options;
    const isKnown = lastEventId !== undefined && /^\d{1,16}$/.test(lastEventId) && this.options.canResume();
    const missed = isKnown ? table.changesSince(Number(lastEventId)) : undefined;
    let backlogMax = BACKLOG_MAX_BYTES;
    if (missed === undefined) {
      if (lastEventId !== undefined) stream.write(message('resync', table.revision, '{}'));
      const bytes = this.wholeTable();
      backlogMax += bytes.length;
      stream.write(bytes);
    } else if (missed !== null) stream.write(message('change', table.revision, missed));
    else stream.write(COMMENT);
    this.streams.set(stream, backlogMax);
  }

  close(stream: WatchStream): void {
    this.streams.delete(stream);
  }

  /** Changes of one tick go out together at its end. */
  changed(): void {
    this.flushing ??= setImmediate(() => this.flush());
  }

  /** Ends every watch in order; they reconnect. */
  stop(): void {
    this.cancelHeartbeat();
    if (this.flushing !== null) clearImmediate(this.flushing);
    for (const stream of this.streams.keys()) stream.end();
    this.streams.clear();
  }

  private flush(): void {
    if (this.flushing !== null) clearImmediate(this.flushing);
    this.flushing = null;
    const { table } = this.options;
    if (this.sentRevision === table.revision) return;
    const changes = this.streams.size === 0 ? null : table.changesSince(this.sentRevision);
    this.sentRevision = table.revision;
    // `undefined`: more went than is remembered, within one tick. Everybody gets the table.
    if (changes === undefined) this.send(this.wholeTable());
    else if (changes !== null) this.send(message('change', table.revision, changes));
  }

  private send(bytes: Buffer): void {
    for (const [stream, backlogMax] of this.streams) {
      if (stream.writableLength <= backlogMax) stream.write(bytes);
      else {
        this.cuts += 1;
        this.streams.delete(stream);
        stream.destroy();
      }
    }
  }

  private wholeTable(): Buffer {
    const { table } = this.options;
    if (this.tableMessage?.revision !== table.revision)
      this.tableMessage = { revision: table.revision, bytes: message('table', table.revision, table.json) };
    return this.tableMessage.bytes;
  }

  private beat(): void {
    this.cancelHeartbeat = this.options.clock.after(HEARTBEAT_MS, () => {
      this.send(COMMENT);
      this.beat();
    });
  }
}

const COMMENT = Buffer.from(':\n\n');

/** JSON has no line breaks of its own, so that one `data` line carries it. */
const message = (event: string, revision: number, json: string): Buffer =>
  Buffer.from(`event: ${event}\nid: ${revision}\ndata: ${json}\n\n`);
