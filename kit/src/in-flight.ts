/** Counts work that is under way, so that a stop can wait for the last of it. */

export class InFlight {
  private running = 0;
  private readonly waiting = new Set<() => void>();

  get count(): number {
    return this.running;
  }

  /** Call at the beginning of a piece of work, and what it returns at its end; a second call of that changes nothing. */
  begin(): () => void {
    this.running++;
    let isEnded = false;
    return () => {
      if (isEnded) return;
      isEnded = true;
      this.running--;
      if (this.running === 0) for (const tell of this.waiting) tell();
    };
  }

  /** Resolves with true when nothing is under way, with false when something still is after `timeoutMs`. */
  async ended(timeoutMs: number): Promise<boolean> {
    if (this.running === 0) return true;
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
