/** Asks the instances that were there before a restart whether they still are. */
import type { Probe } from '../leases/probe.ts';
import type { NotedInstance } from './checkpoint.ts';

/** Probes that run at once, and the longest wait for each. */
const PROBES_MAX = 64;
const TIMEOUT_MS = 1_000;

export class RestoredInstances {
  private readonly probe: Probe;
  private readonly onAnswer: (instance: NotedInstance, isThere: boolean) => void;
  private readonly asked = new Map<string, NotedInstance>();

  /** `onAnswer` is called once for each that was not forgotten meanwhile. */
  constructor(probe: Probe, onAnswer: (instance: NotedInstance, isThere: boolean) => void) {
    this.probe = probe;
    this.onAnswer = onAnswer;
  }

  ask(instances: readonly NotedInstance[]): void {
    for (const instance of instances) this.asked.set(instance.id, instance);
    const waiting = [...instances];
    for (let started = 0; started < PROBES_MAX; started += 1) void this.askOneByOne(waiting);
  }

  /** The service of an instance that has not answered yet. */
  serviceOf(id: string): string | undefined {
    return this.asked.get(id)?.registration.service;
  }

  /** It has registered, or was removed: its answer is of no interest any more. */
  forget(id: string): void {
    this.asked.delete(id);
  }

  private async askOneByOne(waiting: NotedInstance[]): Promise<void> {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { id, registration } = next;
      if (!this.asked.has(id)) continue;
      const { host, port, health } = registration;
      const outcome = await this.probe({ id, host, port, health }, TIMEOUT_MS);
      if (this.asked.delete(id)) this.onAnswer(next, outcome === 'well');
    }
  }
}
