/** Proves when a watch acknowledges, and what it says then, to a registry played by the test. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Acknowledgement } from '@switchyard/contracts/registry';
import { FakeClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { listenOn, portOf } from '../http/server.ts';
import { createLogger } from '../log.ts';
import { TableWatch } from './table-watch.ts';
import type { TableWatchOptions } from './table-watch.ts';

const log = createLogger({ service: 'test', level: 'silent' });

/** Takes one watch, and answers acknowledgements when the test says so, or at once. */
class RegistryPlayed {
  readonly heard: Acknowledgement[] = [];
  /** Status of the next answers. */
  status = 204;
  private hold: Promise<void> | null = null;
  private watcher: ServerResponse | null = null;
  private readonly waiting = new Set<() => void>();
  private readonly server = createServer((request, response) => {
    if (request.url?.startsWith('/v1/watch?') === true) {
      this.watcher = response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.flushHeaders();
      this.tell(1);
      return;
    }
    void request.toArray().then(async (chunks) => {
      this.heard.push(JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as Acknowledgement);
      for (const wake of this.waiting) wake();
      await this.hold;
      response.writeHead(this.status).end();
    });
  });

  async start(context: TestContext): Promise<string> {
    await listenOn(this.server, { host: '127.0.0.1', port: 0 });
    context.after(() => {
      this.server.closeAllConnections();
      this.server.close();
    });
    return `http://127.0.0.1:${portOf(this.server)}`;
  }

  tell(revision: number, epoch = revision): void {
    this.watcher?.write(
      `event: table\nid: ${revision}\ndata: ${JSON.stringify({ epoch, revision, services: {} })}\n\n`,
    );
  }

  /** From now on acknowledgements are answered only when what is returned is called. */
  holding(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.hold = promise;
    return () => {
      this.hold = null;
      resolve();
    };
  }

  async count(atLeast: number): Promise<void> {
    while (this.heard.length < atLeast)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.waiting.delete(wake);
          resolve();
        };
        this.waiting.add(wake);
      });
  }
}

/** Stands still, and can be waited for until a timer of some length is set. */
class ListeningClock implements Clock {
  private readonly inner = new FakeClock();
  private readonly waiting = new Set<(delayMs: number) => void>();

  readonly nowMs = this.inner.nowMs;

  readonly after = (delayMs: number, run: () => void): (() => void) => {
    for (const hear of this.waiting) hear(delayMs);
    return this.inner.after(delayMs, run);
  };

  advance(byMs: number): Promise<void> {
    return this.inner.advance(byMs);
  }

  asked(wantedMs: number): Promise<void> {
    return new Promise((resolve) => {
      const hear = (delayMs: number): void => {
        if (delayMs !== wantedMs) return;
        this.waiting.delete(hear);
        resolve();
      };
      this.waiting.add(hear);
    });
  }
}

async function watching(context: TestContext, options: Partial<TableWatchOptions>) {
  const clock = new ListeningClock();
  const registry = new RegistryPlayed();
  const registryUrl = await registry.start(context);
  const taken = new Set<() => void>();
  const watch = new TableWatch({
    registryUrl,
    watcher: 'w',
    role: 'gateway',
    log,
    clock,
    ...options,
    onTable: () => {
      for (const tell of taken) tell();
    },
  });
  context.after(() => watch.stop());
  watch.start();
  const settled = clock.asked(options.acknowledgeEveryMs?.() ?? 3_000);
  await registry.count(1);
  await settled;
  const isTaken = (): Promise<void> =>
    new Promise((resolve) => {
      const tell = (): void => {
        taken.delete(tell);
        resolve();
      };
      taken.add(tell);
    });
  return { clock, registry, watch, isTaken };
}

test('an acknowledgement says what is in flight and what was sent, as it is at that moment', async (t) => {
  let inFlight = 1;
  const { registry, watch } = await watching(t, {
    inFlight: () => ({ 'x-1': inFlight }),
    traffic: () => ({ 'x-1': { requests: 10 - inFlight, failed: 1, latencyMs: 12.5 } }),
  });
  assert.deepEqual(registry.heard[0], {
    epoch: 1,
    inFlight: { 'x-1': 1 },
    traffic: { 'x-1': { requests: 9, failed: 1, latencyMs: 12.5 } },
  });
  inFlight = 0;
  watch.acknowledge();
  await registry.count(2);
  assert.deepEqual(registry.heard[1]!.inFlight, { 'x-1': 0 });
});

test('what is called out of date while it is being said is said again at once', async (t) => {
  let inFlight = 2;
  const { registry, watch } = await watching(t, { inFlight: () => ({ 'x-1': inFlight }) });
  const release = registry.holding();
  watch.acknowledge();
  await registry.count(2);
  inFlight = 0;
  watch.acknowledge();
  watch.acknowledge();
  release();
  await registry.count(3);
  assert.deepEqual(registry.heard[2]!.inFlight, { 'x-1': 0 });
  assert.equal(registry.heard.length, 3, 'once for both');
});

test('the pause is asked for anew with each acknowledgement, and a new epoch does not wait for its end', async (t) => {
  let everyMs = 3_000;
  const { registry, clock } = await watching(t, { acknowledgeEveryMs: () => everyMs });
  everyMs = 50;
  let isPaused = clock.asked(50);
  registry.tell(2);
  await registry.count(2);
  assert.equal(registry.heard[1]!.epoch, 2);
  await isPaused;
  everyMs = 200;
  isPaused = clock.asked(200);
  await clock.advance(50);
  await registry.count(3);
  await isPaused;
  everyMs = 60_000;
  isPaused = clock.asked(3_000);
  await clock.advance(200);
  await registry.count(4);
  await isPaused;
});

test('the pause is asked for anew with each table, also when it brings no new epoch', async (t) => {
  let everyMs = 3_000;
  const { registry, clock } = await watching(t, { acknowledgeEveryMs: () => everyMs });
  everyMs = 50;
  const isPaused = clock.asked(50);
  registry.tell(2, 1);
  await isPaused;
  await clock.advance(50);
  await registry.count(2);
});

test('tables that follow each other closely do not put the acknowledgement off', async (t) => {
  const { registry, isTaken, clock } = await watching(t, {});
  for (let revision = 2; revision < 6; revision += 1) {
    await clock.advance(1_000);
    const taken = isTaken();
    registry.tell(revision, 1);
    await taken;
  }
  await registry.count(2);
});

test('an acknowledgement that failed is not repeated without a pause', async (t) => {
  let everyMs = 3_000;
  const { registry, watch, clock } = await watching(t, { acknowledgeEveryMs: () => everyMs });
  everyMs = 1;
  registry.status = 503;
  const isPaused = clock.asked(500);
  watch.acknowledge();
  await isPaused;
  assert.equal(registry.heard.length, 2);
});
