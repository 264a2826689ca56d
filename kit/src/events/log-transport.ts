/** Reads a producer's log over HTTP, by long poll, from whichever of its instances the registry shows; a poll ends when its deployment is no longer live. */
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { eventPage } from '@switchyard/contracts/event';
import type { EventPage } from '@switchyard/contracts/event';
import { problem } from '@switchyard/contracts/problem';
import type { Logger } from '../log.ts';
import { Moved } from '../registry/finder.ts';
import type { Claimed, Finder } from '../registry/finder.ts';
import type { EventTransport, Subscription } from './event-transport.ts';

export interface LogTransportOptions {
  readonly finder: Pick<Finder, 'claim'>;
  /** SERVICE_TOKEN of the reader. */
  readonly token: string;
  readonly log: Logger;
  /** Events at most in one batch, 1 to 1000. Default 200. */
  readonly batchMax?: number;
}

/** Short enough that a reader has soon noticed an instance that answers no more. */
const WAIT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 5_000;
const PAUSE_FIRST_MS = 50;
const PAUSE_LAST_MS = 2_000;
const PAGE_MAX_BYTES = 64 * 1_048_576;
/** A failure that goes on is said again now and then. */
const LOGGED_EVERY = 30;

export class LogTransport implements EventTransport {
  private readonly options: LogTransportOptions;
  constructor(options: LogTransportOptions) {
    this.options = options;
  }

  async subscribe({ producer, after, onEvents, signal }: Subscription): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let cursor = after;
    let waitMs = 0; // the first answer says whether there is anything at all
    let failures = 0;
    try {
      while (!signal.aborted) {
        let page: EventPage;
        const askedAt = performance.now();
        try {
          page = await this.read(agent, producer, cursor, waitMs, signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          if (error instanceof Moved) continue;
          if (failures++ % LOGGED_EVERY === 0)
            this.options.log.warn({ err: error, producer, failures }, 'cannot read the log of events; trying again');
          await pause(pauseMs(failures), undefined, { signal }).catch(() => {});
          continue;
        }
        // an empty answer to an empty wait says "caught up", once; after a long poll it says nothing new
        if (page.events.length > 0 || waitMs === 0) await onEvents(page);
        cursor = page.cursor;
        // a producer that drains ends every wait at once, and is asked again until the registry shows another
        if (page.events.length === 0 && waitMs > 0 && performance.now() - askedAt < PAUSE_FIRST_MS)
          await pause(PAUSE_FIRST_MS, undefined, { signal }).catch(() => {});
        waitMs = page.events.length > 0 ? 0 : WAIT_MS;
      }
    } finally {
      agent.destroy();
    }
  }

  private async read(
    agent: Agent,
    producer: string,
    after: string,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<EventPage> {
    const claimed = this.options.finder.claim(producer);
    if (claimed === null) throw new Error(`no instance of ${producer} is to be found`);
    // ended in the same step as the request is broken off, so that the acknowledgement which follows counts it no more
    claimed.moved.addEventListener('abort', claimed.end, { once: true });
    const query = new URLSearchParams({
      after,
      limit: String(this.options.batchMax ?? 200),
      waitMs: String(waitMs),
    });
    const deadline = AbortSignal.timeout(waitMs + ANSWER_TIMEOUT_MS);
    try {
      const { status, body } = await answerOf({
        agent,
        url: `http://${claimed.host.includes(':') ? `[${claimed.host}]` : claimed.host}:${claimed.port}/internal/events?${query.toString()}`,
        token: this.options.token,
        signal: AbortSignal.any([signal, deadline, claimed.moved]),
      });
      return pageOf(claimed, status, body, producer);
    } catch (error) {
      throw claimed.moved.aborted ? claimed.moved.reason : error;
    } finally {
      claimed.end();
    }
  }
}

function pageOf(from: Claimed, status: number, body: string, producer: string): EventPage {
  if (status === 200) return eventPage.parse(JSON.parse(body));
  const said = problem.safeParse(parsed(body));
  throw new Error(
    `${producer} (${from.instanceId}) answered ${status}${said.success ? ` ${said.data.code}: ${said.data.detail ?? said.data.title}` : ''}`,
  );
}

/** Doubling, less up to half at random. */
const pauseMs = (failures: number): number =>
  Math.min(PAUSE_LAST_MS, PAUSE_FIRST_MS * 2 ** Math.min(failures - 1, 10)) * (1 - Math.random() / 2);

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}

interface Call {
  readonly agent: Agent;
  readonly url: string;
  readonly token: string;
  readonly signal: AbortSignal;
}

/** node:http and not fetch: that would bring a second HTTP client of some megabytes into every consumer. */
function answerOf({ agent, url, token, signal }: Call): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, {
      agent,
      signal,
      headers: { accept: 'application/json', authorization: `Bearer ${token}` },
    });
    call.once('error', reject);
    call.once('response', (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > PAGE_MAX_BYTES) call.destroy(new Error('the page is too large'));
        chunks.push(chunk);
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    call.end();
  });
}
