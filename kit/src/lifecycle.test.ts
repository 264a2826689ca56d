/** Proves the order of a stop, and how work in flight is waited for. */
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { InFlight } from './in-flight.ts';
import { Lifecycle } from './lifecycle.ts';
import { createLogger } from './log.ts';

const log = createLogger({ service: 'test', level: 'silent' });

describe('a lifecycle', () => {
  it('goes from starting to ready to draining to stopped, and never back', async () => {
    const lifecycle = new Lifecycle(log);
    const phases = [lifecycle.phase];
    lifecycle.onStop('look', () => void phases.push(lifecycle.phase));
    lifecycle.started();
    phases.push(lifecycle.phase);
    await lifecycle.stop('test');
    lifecycle.started();
    phases.push(lifecycle.phase);
    assert.deepEqual(phases, ['starting', 'ready', 'draining', 'stopped']);
  });

  it('closes what was opened last first, each once, whatever one of them does', async () => {
    const lifecycle = new Lifecycle(log);
    const closed: string[] = [];
    lifecycle.onStop('database', () => void closed.push('database'));
    lifecycle.onStop('broken', () => Promise.reject(new Error('no')));
    lifecycle.onStop('throwing', () => {
      throw new Error('no');
    });
    lifecycle.onStop('server', async () => {
      await new Promise((resolve) => setImmediate(resolve));
      closed.push('server');
    });
    assert.equal(lifecycle.signal.aborted, false);
    const stops = [lifecycle.stop('one'), lifecycle.stop('two')];
    assert.equal(lifecycle.signal.aborted, true);
    await Promise.all(stops);
    assert.deepEqual(closed, ['server', 'database']);
  });

  it('ends the process with 0 after a signal and with 1 after an error, once everything is closed', async () => {
    for (const [event, code] of [
      ['SIGTERM', 0],
      ['SIGINT', 0],
      ['uncaughtException', 1],
      ['unhandledRejection', 1],
    ] as const) {
      const lifecycle = new Lifecycle(log);
      let isClosed = false;
      lifecycle.onStop('thing', () => void (isClosed = true));
      const exited = Promise.withResolvers<number>();
      const process = Object.assign(new EventEmitter(), { exit: exited.resolve });
      lifecycle.handleSignals(process as unknown as NodeJS.Process);
      process.emit(event, new Error('why'));
      process.emit('SIGTERM');
      assert.equal(await exited.promise, code, event);
      assert.ok(isClosed);
    }
  });
});

describe('work in flight', () => {
  it('has ended when its last piece has, or when time is up', async () => {
    const work = new InFlight();
    assert.equal(await work.ended(1), true);
    const [endOne, endTwo] = [work.begin(), work.begin()];
    assert.equal(await work.ended(1), false);
    const ended = work.ended(10_000);
    endOne();
    endOne();
    assert.equal(work.count, 1);
    endTwo();
    assert.equal(await ended, true);
  });
});
