/** One connection that LISTENs for everybody in the process, and is opened again whenever it is lost. */
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import type { Logger } from '../log.ts';

const RECONNECT_FIRST_MS = 50;
const RECONNECT_MAX_MS = 5_000;

export type OnNotify = (payload: string) => void;

export class Notifications {
  private readonly listeners = new Map<string, Set<OnNotify>>();
  private readonly closing = new AbortController();
  private client: pg.Client | null = null;
  private running: Promise<void> | null = null;
  private told: Promise<void> = Promise.resolve();
  private readonly config: pg.ClientConfig;
  private readonly log: Logger;

  constructor(config: pg.ClientConfig, log: Logger) {
    this.config = config;
    this.log = log;
  }

  /**
   * Calls `onNotify` with the payload of each notification, and with '' after the connection was made again, since
   * notifications may have been missed. Resolves once listening, or once the first attempt failed (it goes on trying).
   */
  async listen(channel: string, onNotify: OnNotify): Promise<() => Promise<void>> {
    const known = this.listeners.get(channel);
    if (known !== undefined) known.add(onNotify);
    else {
      this.listeners.set(channel, new Set([onNotify]));
      if (this.running === null) await this.open();
      else await this.tell(`LISTEN ${pg.escapeIdentifier(channel)}`);
    }
    return async () => {
      const listeners = this.listeners.get(channel);
      if (listeners?.delete(onNotify) !== true || listeners.size > 0) return;
      this.listeners.delete(channel);
      await this.tell(`UNLISTEN ${pg.escapeIdentifier(channel)}`);
    };
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.client?.end().catch(() => {});
    await this.running;
  }

  /** One statement at a time, and only where there is a connection: a new one listens to every channel anyway. */
  private tell(statement: string): Promise<void> {
    this.told = this.told.then(async () => {
      await this.client?.query(statement).catch(() => {});
    });
    return this.told;
  }

  private async open(): Promise<void> {
    const tried = Promise.withResolvers<void>();
    this.running = this.stayConnected(tried.resolve);
    await tried.promise;
  }

  private async stayConnected(tried: () => void): Promise<void> {
    let pauseMs = RECONNECT_FIRST_MS;
    for (let first = true; !this.closing.signal.aborted; first = false) {
      try {
        const { lost } = await this.connect();
        pauseMs = RECONNECT_FIRST_MS;
        tried();
        if (!first) this.tellAll();
        await lost;
      } catch (error) {
        if (!this.closing.signal.aborted) this.log.warn({ err: error }, 'cannot listen for notifications');
      }
      tried();
      this.client = null;
      await pause(pauseMs, undefined, { signal: this.closing.signal, ref: false }).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, RECONNECT_MAX_MS);
    }
  }

  /** `lost` resolves when the connection is lost. */
  private async connect(): Promise<{ lost: Promise<void> }> {
    const client = new pg.Client(this.config);
    const lost = Promise.withResolvers<void>();
    client.on('error', () => lost.resolve());
    client.on('end', () => lost.resolve());
    client.on('notification', ({ channel, payload }) => {
      for (const listener of this.listeners.get(channel) ?? []) listener(payload ?? '');
    });
    try {
      await client.connect();
      for (const channel of this.listeners.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      this.closing.signal.throwIfAborted();
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
    this.client = client;
    return { lost: lost.promise };
  }

  private tellAll(): void {
    for (const listeners of this.listeners.values()) for (const listener of listeners) listener('');
  }
}
