/** Counts the requests that are being answered, so that a stop can wait for the last one. */
import type { ServerResponse } from 'node:http';

export class RunningRequests {
  private readonly running = new Set<ServerResponse>();
  private readonly waiting = new Set<() => void>();
  private isEnding = false;

  get count(): number {
    return this.running.size;
  }

  /** Call for each request as it comes. While ending, answers carry `Connection: close`, so that nobody sends another one there. */
  began(response: ServerResponse): void {
    this.running.add(response);
    if (this.isEnding) closeAfter(response);
    response.once('close', () => {
      this.running.delete(response);
      if (this.running.size === 0) for (const tell of this.waiting) tell();
    });
  }

  /** Resolves when none is running, or after `timeoutMs`; true in the first case. */
  async ended(timeoutMs: number): Promise<boolean> {
    this.isEnding = true;
    for (const response of this.running) closeAfter(response);
    if (this.running.size === 0) return true;
    const last = Promise.withResolvers<boolean>();
    const tell = () => last.resolve(true);
    this.waiting.add(tell);
    const overdue = setTimeout(() => last.resolve(false), timeoutMs);
    try {
      return await last.promise;
    } finally {
      clearTimeout(overdue);
      this.waiting.delete(tell);
    }
  }
}

function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader('connection', 'close');
}
