/** A consumer of made-up events for the tests of consumers; run by itself, it is the process that a test kills. */
import { once } from 'node:events';
import type { CloudEvent, EventContracts } from '@switchyard/contracts/event';
import { z } from 'zod';
import { createLogger } from '../log.ts';
import { openDatabase } from '../postgres/database.ts';
import { EventConsumer } from './consumer.ts';
import type { ConsumedEvent } from './consumer.ts';
import type { EventTransport } from './event-transport.ts';

export const teaEvents = {
  brewed: { type: 'tea.pot.brewed.v1', summary: '', subject: 'pot', data: z.object({ leaf: z.string() }) },
  poured: { type: 'tea.pot.poured.v1', summary: '', subject: 'pot', data: z.object({ cups: z.int() }) },
} as const satisfies EventContracts;
export type Tea = ConsumedEvent<typeof teaEvents>;

export const eventOf = (subject: string, sequence: number, more: Partial<CloudEvent> = {}): CloudEvent => ({
  specversion: '1.0',
  id: `${subject}-${sequence}`,
  source: '/tea',
  type: 'tea.pot.brewed.v1',
  subject,
  sequence,
  time: '2026-01-31T12:00:00.000Z',
  datacontenttype: 'application/json',
  data: { leaf: `${subject} ${sequence}` },
  ...more,
});

/** Gives these batches, in this order, then says that there is nothing more. Cursors count batches: after `2` comes the third. */
export const batches = (...all: CloudEvent[][]): EventTransport => ({
  subscribe: async ({ after: from, onEvents, signal }) => {
    for (let index = Number(from); index < all.length && !signal.aborted; index++)
      await onEvents({ events: all[index]!, cursor: String(index + 1) });
    if (!signal.aborted) await onEvents({ events: [], cursor: String(all.length) });
    if (!signal.aborted) await once(signal, 'abort');
  },
});

export const INSERT = 'INSERT INTO poured (subject, sequence) VALUES ($1, $2)';

// Consumes three subjects in batches of ten; a dot on standard output for each event that is applied and not yet committed. It stops
// itself (SIGSTOP) after so many events as CONSUME_STOP_AT says: after the commit where those are whole batches, else before.
if (import.meta.main) {
  const log = createLogger({ service: 'tea-consumer', level: 'silent' });
  const db = openDatabase({ url: process.env['CONSUME_FROM']!, log });
  const total = Number(process.env['CONSUME_TOTAL']);
  const stopAt = Number(process.env['CONSUME_STOP_AT'] ?? -1);
  let applied = 0;
  let wasStopped = false;
  const stopIf = (is: boolean) => {
    if (!is || applied < stopAt || wasStopped) return;
    wasStopped = true;
    process.kill(process.pid, 'SIGSTOP');
  };
  const all = Array.from({ length: total }, (_, n) => eventOf('abc'[n % 3]!, Math.floor(n / 3) + 1));
  const tens = batches(...Array.from({ length: total / 10 }, (_, n) => all.slice(n * 10, n * 10 + 10)));
  const consumer = new EventConsumer({
    db,
    transport: {
      subscribe: (subscription) =>
        tens.subscribe({
          ...subscription,
          onEvents: async (batch) => {
            await subscription.onEvents(batch);
            stopIf(stopAt > 0 && stopAt % 10 === 0);
          },
        }),
    },
    producer: 'tea',
    contracts: teaEvents,
    apply: async (tx, event) => {
      await tx.query(INSERT, [event.subject, event.sequence]);
      process.stdout.write('.');
      applied += 1;
      stopIf(stopAt > 0 && stopAt % 10 !== 0);
    },
    log,
    ...(stopAt < 0 ? {} : { silenceMaxMs: 300 }),
  });
  consumer.start();
  await consumer.caughtUp();
  await consumer.stop();
  await db.close();
  process.exit();
}
