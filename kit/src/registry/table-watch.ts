/** Follows the registry's table by its event stream, keeps the last good one while the registry is away, and acknowledges epochs. */
import { request } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { change, table } from '@switchyard/contracts/registry';
import type { Table, Traffic } from '@switchyard/contracts/registry';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { Logger } from '../log.ts';
import { RegistryClient } from './client.ts';
import { EventStreamReader } from './event-stream.ts';
import type { ServerSentEvent } from './event-stream.ts';
import { KnownTable } from './known-table.ts';
import type { TableStep } from './known-table.ts';

/** The registry sends a comment every 5 s; a connection that is silent for three of them is taken for half open. */
const SILENCE_MS = 15_000;
/** Longest wait for the head of the answer. */
const HEAD_TIMEOUT_MS = 5_000;
/** Pauses between attempts double from the first to the last, less up to half of it at random. At most 1 s, so that a registry that restarts soon knows its watchers. */
const PAUSE_FIRST_MS = 100;
const PAUSE_LAST_MS = 1_000;
/** A watcher's lease is 10 s and only acknowledgements renew it: three chances. */
export const ACKNOWLEDGE_EVERY_MS = 3_000;
/** Least pause after an acknowledgement that failed, however often the caller would like to say it. */
const PAUSE_AFTER_FAILURE_MS = 500;

export interface TableWatchOptions {
  /** `http://127.0.0.1:7000`. */
  readonly registryUrl: string;
  /** Unique id of this watcher; needed with `role`. */
  readonly watcher?: string;
  /** For a watcher that routes by the table: the registry leases it, and a swap waits for its acknowledgement. */
  readonly role?: 'gateway' | 'client';
  /** SERVICE_TOKEN; needed where the registry is not on loopback. */
  readonly token?: string;
  readonly log: Logger;
  /** Called before the epoch is acknowledged: when it returns, the caller routes by `table`. Names whose entries differ from the table before. */
  readonly onTable?: (table: Table, changedServices: ReadonlySet<string>) => void;
  /** Requests in flight by deployment, sent with each acknowledgement. Default: none. */
  readonly inFlight?: () => Record<string, number>;
  /** What was sent to each deployment since the start, sent with each acknowledgement. Default: none. */
  readonly traffic?: () => Record<string, Traffic>;
  /** Longest pause between two acknowledgements, asked after each of them and with each new table; at most, and by default, 3 s. */
  readonly acknowledgeEveryMs?: () => number;
  readonly clock?: Clock;
  /** 0 to 1, for the jitter. Default Math.random. */
  readonly random?: () => number;
}

export class TableWatch {
  private readonly options: TableWatchOptions;
  private readonly clock: Clock;
  private readonly url: URL;
  private readonly client: RegistryClient;
  private readonly known = new KnownTable();
  private readonly waiting = new Set<(table: Table) => void>();
  private readonly stopper = new AbortController();
  private connection: ClientRequest | null = null;
  private lastEventId = '';
  private attempts = 0;
  private cancelPause = (): void => {};
  private cancelAcknowledging = (): void => {};
  private cancelHold = (): void => {};
  private isAcknowledging = false;
  /** What is being said was called out of date meanwhile. */
  private isAcknowledgementWanted = false;
  /** When the last acknowledgement was begun, or would have been. */
  private saidAtMs: number;
  /** Epoch of the last table that `onTable` took: what the caller routes by. */
  private routedEpoch: number | null = null;
  private acknowledgedEpoch: number | null = null;

  constructor(options: TableWatchOptions) {
    if (options.role !== undefined && options.watcher === undefined)
      throw new TypeError('a watcher that routes needs an id: give `watcher` with `role`');
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.saidAtMs = this.clock.nowMs();
    this.client = new RegistryClient({
      url: options.registryUrl,
      ...(options.token === undefined ? {} : { token: options.token }),
    });
    this.url = new URL(`${options.registryUrl.replace(/\/+$/, '')}/v1/watch`);
    if (options.watcher !== undefined) this.url.searchParams.set('watcher', options.watcher);
    if (options.role !== undefined) this.url.searchParams.set('role', options.role);
  }

  /** The last good table, kept while the registry is away; null before the first. */
  get table(): Table | null {
    return this.known.table;
  }

  /** Begins to follow; goes on until `stop`, whatever happens to the registry. */
  start(): void {
    if (this.stopper.signal.aborted || this.connection !== null) return;
    this.connect();
    this.acknowledgeLater();
  }

  /** Says at once what is in flight and how much there was, because somebody may wait for it; else it is said now and then. */
  acknowledge(): void {
    if (this.isAcknowledging) this.isAcknowledgementWanted = true;
    else this.sendAcknowledgement();
  }

  /** The table there is, or the first one to come; rejects with the signal's reason. */
  first(signal: AbortSignal): Promise<Table> {
    if (this.known.table !== null) return Promise.resolve(this.known.table);
    return new Promise((resolve, reject) => {
      const aborted = AbortSignal.any([signal, this.stopper.signal]);
      const settle = (table: Table): void => {
        aborted.removeEventListener('abort', onAbort);
        resolve(table);
      };
      const onAbort = (): void => {
        this.waiting.delete(settle);
        reject(aborted.reason as Error);
      };
      if (aborted.aborted) return onAbort();
      aborted.addEventListener('abort', onAbort, { once: true });
      this.waiting.add(settle);
    });
  }

  stop(): void {
    this.stopper.abort(new Error('the watch was stopped'));
    this.cancelPause();
    this.cancelAcknowledging();
    this.cancelHold();
    this.connection?.destroy();
    this.connection = null;
  }

  private connect(): void {
    const { token, log } = this.options;
    const attempt = request(this.url, {
      agent: false,
      headers: {
        accept: 'text/event-stream',
        'cache-control': 'no-store',
        ...(this.lastEventId === '' ? {} : { 'last-event-id': this.lastEventId }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    });
    this.connection = attempt;
    attempt.setNoDelay(true);
    const cancelHeadTimeout = this.clock.after(HEAD_TIMEOUT_MS, () => attempt.destroy(new Error('no answer in time')));
    let why = 'the stream ended';
    attempt.on('error', (error) => {
      why = error.message || (error as NodeJS.ErrnoException).code || 'error';
    });
    attempt.on('response', (response) => {
      cancelHeadTimeout();
      if (response.statusCode === 200) return this.follow(attempt, response);
      why = `status ${response.statusCode}`;
      attempt.destroy();
    });
    attempt.on('close', () => {
      cancelHeadTimeout();
      if (this.connection !== attempt || this.stopper.signal.aborted) return;
      this.connection = null;
      const pauseMs = this.pauseMs();
      log[this.attempts === 1 ? 'warn' : 'debug']({ why, pauseMs, attempts: this.attempts }, 'watch of the table lost');
      this.cancelPause = this.clock.after(pauseMs, () => this.connect());
    });
    attempt.end();
  }

  private follow(attempt: ClientRequest, response: IncomingMessage): void {
    const reader = new EventStreamReader((event) => this.take(event));
    let cancelSilence = (): void => {};
    const heard = (): void => {
      cancelSilence();
      cancelSilence = this.clock.after(SILENCE_MS, () => attempt.destroy(new Error('silent for too long')));
    };
    heard();
    response.on('data', (chunk: Buffer) => {
      heard();
      if (this.connection !== attempt) return;
      try {
        reader.push(chunk);
      } catch (error) {
        this.lastEventId = '';
        this.options.log.error({ err: error }, 'the registry sent what cannot be read; keeping the last good table');
        attempt.destroy();
      }
    });
    response.on('error', () => attempt.destroy());
    response.on('close', () => {
      cancelSilence();
      attempt.destroy();
    });
  }

  private take(event: ServerSentEvent): void {
    const nowMs = this.clock.nowMs();
    let step: TableStep | null = null;
    if (event.type === 'table') {
      const next = table.parse(JSON.parse(event.data));
      const before = this.known.table;
      if (before !== null && next.epoch < before.epoch)
        this.options.log.warn({ epoch: before.epoch, registryEpoch: next.epoch }, 'the registry has lost its state');
      step = this.known.takeTable(next, nowMs);
    } else if (event.type === 'change') step = this.known.takeChange(change.parse(JSON.parse(event.data)), nowMs);
    else return;
    this.lastEventId = event.lastEventId;
    this.attempts = 0;
    this.publish(step);
    this.cancelHold();
    if (this.known.heldUntilMs !== null)
      this.cancelHold = this.clock.after(this.known.heldUntilMs - nowMs, () =>
        this.publish(this.known.takeHeld(this.clock.nowMs())),
      );
  }

  private publish(step: TableStep | null): void {
    if (step === null) return;
    try {
      this.options.onTable?.(step.table, step.changedServices);
      this.routedEpoch = step.table.epoch;
    } catch (error) {
      this.options.log.error({ err: error, epoch: step.table.epoch }, 'the table could not be put to use');
    }
    for (const settle of this.waiting) settle(step.table);
    this.waiting.clear();
    if (this.routedEpoch === this.acknowledgedEpoch) this.acknowledgeLater();
    else this.acknowledge();
  }

  private acknowledgeLater(): void {
    if (this.options.role === undefined || this.stopper.signal.aborted) return;
    const wantedMs = Math.min(ACKNOWLEDGE_EVERY_MS, this.options.acknowledgeEveryMs?.() ?? ACKNOWLEDGE_EVERY_MS);
    const hasFailed = this.routedEpoch !== null && this.acknowledgedEpoch === null;
    const pauseMs = hasFailed ? Math.max(wantedMs, PAUSE_AFTER_FAILURE_MS) : wantedMs;
    // Counted from the last one, so that tables which follow each other closely do not put it off again and again.
    const delayMs = Math.max(0, this.saidAtMs + pauseMs - this.clock.nowMs());
    this.cancelAcknowledging();
    this.cancelAcknowledging = this.clock.after(delayMs, () => this.acknowledge());
  }

  /** One at a time; an epoch that arrives meanwhile follows at once. */
  private sendAcknowledgement(): void {
    const { role, watcher, log, inFlight, traffic } = this.options;
    const epoch = this.routedEpoch;
    if (role === undefined || watcher === undefined || this.stopper.signal.aborted) return;
    this.saidAtMs = this.clock.nowMs();
    if (epoch === null) return this.acknowledgeLater();
    this.isAcknowledging = true;
    this.isAcknowledgementWanted = false;
    const through = this.connection;
    this.client
      .acknowledge(
        watcher,
        { epoch, inFlight: inFlight?.() ?? {}, traffic: traffic?.() ?? {} },
        { signal: this.stopper.signal },
      )
      .then(
        (said) => {
          this.acknowledgedEpoch = said === 'acknowledged' ? epoch : null;
          // It does not know us, so what looks like a connection to it is none: open the watch again.
          if (said === 'unknown' && through !== null && through === this.connection) through.destroy();
        },
        (error: unknown) => {
          this.acknowledgedEpoch = null;
          log.debug({ err: error }, 'could not acknowledge');
        },
      )
      .finally(() => {
        this.isAcknowledging = false;
        const isOutOfDate = this.isAcknowledgementWanted || this.routedEpoch !== epoch;
        if (this.acknowledgedEpoch !== null && isOutOfDate) this.sendAcknowledgement();
        else this.acknowledgeLater();
      });
  }

  private pauseMs(): number {
    const pauseMs = Math.min(PAUSE_LAST_MS, PAUSE_FIRST_MS * 2 ** Math.min(this.attempts, 10));
    this.attempts += 1;
    return Math.round(pauseMs * (1 - (this.options.random ?? Math.random)() / 2));
  }
}
