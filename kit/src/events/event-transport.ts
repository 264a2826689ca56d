/** The port by which events come from a producer, whatever carries them; its adapters all run the suite in event-transport.contract.ts. */
import type { CloudEvent } from '@switchyard/contracts/event';

export interface EventBatch {
  /** In log order, which keeps the order of each subject. Empty: there is nothing more for the moment (not every adapter can say so). */
  readonly events: readonly CloudEvent[];
  /** Stands for the end of `events`; give it as `after` to go on from there. '' from an adapter whose server keeps the place. */
  readonly cursor: string;
}

export interface Subscription {
  /** Name of the producing service. */
  readonly producer: string;
  /** Cursor of the last batch that was taken; '' from the beginning. */
  readonly after: string;
  /**
   * Takes a batch; the next one comes when it has resolved. Delivery is at least once: what it did not resolve for, and in an
   * adapter without cursors what came just before a crash, comes again.
   */
  readonly onEvents: (batch: EventBatch) => Promise<void>;
  readonly signal: AbortSignal;
}

export interface EventTransport {
  /**
   * Delivers until the signal is aborted, then resolves. A producer or server that is away is waited for, with growing pauses,
   * and never an error here.
   *
   * @throws what `onEvents` throws, after which nothing more is delivered
   */
  subscribe(subscription: Subscription): Promise<void>;
}
