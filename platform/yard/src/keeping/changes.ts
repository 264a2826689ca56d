/** Lets work wait for a condition that others bring about, without polling: whoever changes something says so. */

export class Changes {
  private readonly waiting = new Set<() => void>();

  /** Something has changed: every condition is looked at again. */
  notify(): void {
    for (const look of this.waiting) look();
  }

  /** Resolves as soon as `isMet` answers true; rejects when `signal` aborts, and with what `isMet` throws: whoever notifies does not get it. */
  until(isMet: () => boolean, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = () => {
        this.waiting.delete(look);
        signal.removeEventListener('abort', onAbort);
      };
      const look = () => {
        try {
          if (!isMet()) return;
          resolve();
        } catch (error) {
          reject(error);
        }
        end();
      };
      const onAbort = () => {
        end();
        reject(signal.reason as Error);
      };
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      this.waiting.add(look);
      signal.addEventListener('abort', onAbort, { once: true });
      look();
    });
  }
}
