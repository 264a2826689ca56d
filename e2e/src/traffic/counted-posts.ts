/** Which posts were sent and what was answered, compared at the end with what the service says it did. */

/** What is known of the post with this number: nothing, sent and not (well) answered, answered well. */
const SENT = 1;
const ACKNOWLEDGED = 2;

export interface Verification {
  readonly sent: number;
  readonly acknowledged: number;
  /** Different posts that the service did. */
  readonly done: number;
  /** Acknowledged, and not done. */
  readonly lost: number;
  /** Done more than once. */
  readonly duplicated: number;
  /** Done, and never sent. */
  readonly unknown: number;
  /** Done by each deployment. */
  readonly byDeployment: Readonly<Record<string, number>>;
  /** A sentence for each of the first twenty that are lost, duplicated or unknown. */
  readonly examples: readonly string[];
  readonly isGood: boolean;
}

const EXAMPLES_MAX = 20;

export class CountedPosts {
  private readonly run: string;
  private readonly states: number[] = [];

  /** `run`: what the ids of this run begin with. */
  constructor(run: string) {
    this.run = run;
  }

  /** The number of the next post, and its id. */
  next(): { number: number; id: string } {
    const number = this.states.push(SENT) - 1;
    return { number, id: `${this.run}.${number}` };
  }

  acknowledged(number: number): void {
    this.states[number] = ACKNOWLEDGED;
  }

  /** `lines`: `id deployment`, one for each time that a post was done; those of other runs are passed over. */
  verify(lines: readonly string[]): Verification {
    const times: number[] = Array.from(this.states, () => 0);
    const byDeployment = new Map<string, number>();
    const examples: string[] = [];
    const tell = (what: string) => examples.length < EXAMPLES_MAX && examples.push(what);
    let unknown = 0;
    for (const line of lines) {
      const [id, deployment] = line.split(' ') as [string, string];
      if (!id.startsWith(`${this.run}.`)) continue;
      byDeployment.set(deployment, (byDeployment.get(deployment) ?? 0) + 1);
      const number = Number(id.slice(this.run.length + 1));
      if (this.states[number] === undefined) {
        unknown += 1;
        tell(`${id} was never sent, and ${deployment} did it`);
      } else times[number]! += 1;
    }
    let lost = 0;
    let duplicated = 0;
    for (const [number, count] of times.entries()) {
      if (count === 0 && this.states[number] === ACKNOWLEDGED) {
        lost += 1;
        tell(`${this.run}.${number} was acknowledged, and nobody did it`);
      } else if (count > 1) {
        duplicated += 1;
        tell(`${this.run}.${number} was done ${count} times`);
      }
    }
    return {
      sent: this.states.length,
      acknowledged: this.states.filter((state) => state === ACKNOWLEDGED).length,
      done: times.filter((count) => count > 0).length,
      lost,
      duplicated,
      unknown,
      byDeployment: Object.fromEntries(byDeployment),
      examples,
      isGood: lost === 0 && duplicated === 0 && unknown === 0,
    };
  }
}
