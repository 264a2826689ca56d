/** Knows when a restarted registry has its instances back, before which it publishes nothing. */
import type { Clock } from '@switchyard/kit/clock';
import type { NotedInstance } from './checkpoint.ts';
import type { LiveState } from './live-state.ts';

export interface RecoveryOptions {
  readonly state: LiveState;
  /** Instances that there were; null when that is not known. */
  readonly noted: readonly NotedInstance[] | null;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Called once, unless there is nothing to wait for from the beginning. */
  readonly onOver: (how: 'complete' | 'timed out') => void;
}

/**
 * It is over when every deployment that was live has an instance again and every instance that was noted was asked whether it is there,
 * at the latest after `timeoutMs`. Deployments that had no instance before the restart are not waited for; with nothing live there is
 * nothing to wait for.
 */
export class Recovery {
  private readonly deployments = new Set<string>();
  private readonly undecided = new Set<string>();
  private readonly onOver: RecoveryOptions['onOver'];
  private readonly cancelTimer: () => void;
  private overNow: boolean;

  constructor({ state, noted, timeoutMs, clock, onOver }: RecoveryOptions) {
    this.onOver = onOver;
    const had = noted === null ? null : new Set(noted.map(({ registration }) => keyOf(registration)));
    for (const [service, { live }] of Object.entries(state.live)) {
      if (live === null) continue;
      const key = `${service} ${live}`;
      if (had === null || had.has(key)) this.deployments.add(key);
    }
    for (const { id } of noted ?? []) this.undecided.add(id);
    this.overNow = this.deployments.size === 0;
    this.cancelTimer = this.overNow ? () => {} : clock.after(timeoutMs, () => this.end('timed out'));
  }

  get isOver(): boolean {
    return this.overNow;
  }

  /** Deployments that are waited for, `users users-7`. */
  get missing(): readonly string[] {
    return [...this.deployments];
  }

  /** An instance has registered, or has answered for itself. */
  arrived(id: string, registration: NotedInstance['registration']): void {
    if (registration.status === 'UP') this.deployments.delete(keyOf(registration));
    this.gone(id);
  }

  /** It will not come, or did not answer when asked. */
  gone(id: string): void {
    this.undecided.delete(id);
    this.look();
  }

  /** The operator has decided about the service: what is live now is there, and what was live is not waited for any more. */
  decided(service: string): void {
    for (const key of this.deployments) if (key.startsWith(`${service} `)) this.deployments.delete(key);
    this.look();
  }

  stop(): void {
    this.cancelTimer();
  }

  private look(): void {
    if (this.deployments.size === 0 && this.undecided.size === 0) this.end('complete');
  }

  private end(how: 'complete' | 'timed out'): void {
    if (this.overNow) return;
    this.overNow = true;
    this.cancelTimer();
    this.onOver(how);
  }
}

const keyOf = ({ service, deployment }: NotedInstance['registration']): string =>
  `${service} ${deployment ?? `${service}-1`}`;
