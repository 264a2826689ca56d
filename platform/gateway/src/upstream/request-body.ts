/** A request's body on its way to a service: read only as fast as the service takes it, counted, never kept. */
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

export interface BodyWatcher {
  /** Called with each chunk; false stops the body there. */
  bodyArrived(bytes: number): boolean;
  bodyEnded(): void;
}

/** Its own stream in front of the request, so that an upstream which breaks takes down this and not the client's connection. */
export class RequestBody extends Readable {
  /** Whether anything was read: from then on it cannot be sent a second time. */
  hasBegun = false;
  /** Whether it is the client that we wait for. */
  waitsForClient = false;
  private readonly request: IncomingMessage;
  private readonly watcher: BodyWatcher;

  constructor(request: IncomingMessage, watcher: BodyWatcher) {
    super({ highWaterMark: 65_536 });
    this.request = request;
    this.watcher = watcher;
    // Whoever sends it hears of errors by its own listener; one that comes after that must not end the process.
    this.on('error', ignore);
  }

  override _read(): void {
    this.waitsForClient = true;
    if (!this.hasBegun) {
      this.hasBegun = true;
      this.request.on('data', this.onChunk);
      this.request.on('end', this.onEnd);
      this.request.on('error', this.onBroken);
    }
    this.request.resume();
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.waitsForClient = false;
    if (this.hasBegun) {
      this.request.off('data', this.onChunk);
      this.request.off('end', this.onEnd);
      this.request.off('error', this.onBroken);
      // Errors of an abandoned request are of no interest, but must not end the process.
      this.request.on('error', ignore);
      // Whoever sends on is read to the end, or until the connection is cut, so that the answer gets through.
      this.request.resume();
    }
    callback(error);
  }

  private readonly onChunk = (chunk: Buffer): void => {
    if (!this.watcher.bodyArrived(chunk.length)) return;
    if (this.push(chunk)) return;
    this.waitsForClient = false;
    this.request.pause();
  };

  private readonly onEnd = (): void => {
    this.waitsForClient = false;
    this.watcher.bodyEnded();
    this.push(null);
  };

  private readonly onBroken = (error: Error): void => {
    this.destroy(error);
  };
}

function ignore(): void {}
