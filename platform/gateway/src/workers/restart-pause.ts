/** How long a worker that died waits before it is started again; pure. */

const FIRST_MS = 100;
const LAST_MS = 10_000;
/** One that has lived for so long is not one that dies of its start. */
const PROVEN_MS = 30_000;

export class RestartPause {
  private deaths = 0;

  /** `livedMs`: from its start to its end. Doubles with each short life, from a tenth of a second to ten seconds. */
  afterLifeOf(livedMs: number): number {
    this.deaths = livedMs >= PROVEN_MS ? 1 : this.deaths + 1;
    return Math.min(LAST_MS, FIRST_MS * 2 ** Math.min(this.deaths - 1, 30));
  }
}
