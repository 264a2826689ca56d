/** Server-sent events are read as the standard says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventStreamReader } from './event-stream.ts';
import type { ServerSentEvent } from './event-stream.ts';

function eventsOf(...chunks: readonly (string | Uint8Array)[]): ServerSentEvent[] {
  const events: ServerSentEvent[] = [];
  const reader = new EventStreamReader((event) => events.push(event));
  for (const chunk of chunks) reader.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return events;
}

test('an event has its type, its data and the id it came with', () => {
  assert.deepEqual(eventsOf('event: table\nid: 7\ndata: {"a":1}\n\n'), [
    { type: 'table', data: '{"a":1}', lastEventId: '7' },
  ]);
});

test('however the bytes are cut, the events are the same', () => {
  const stream = Buffer.from('\ufeffevent: a\r\nid: 1\r\ndata: é\r\ndata: ü\r\n\r\n:comment\r\rdata: b\r\r');
  const whole = eventsOf(stream);
  assert.deepEqual(whole, [
    { type: 'a', data: 'é\nü', lastEventId: '1' },
    { type: 'message', data: 'b', lastEventId: '1' },
  ]);
  for (let at = 0; at <= stream.length; at += 1)
    assert.deepEqual(eventsOf(stream.subarray(0, at), stream.subarray(at)), whole, `cut at ${at}`);
  assert.deepEqual(eventsOf(...Array.from(stream, (byte) => Uint8Array.of(byte))), whole);
});

test('comments and events without data are no events', () => {
  assert.deepEqual(eventsOf(':\n\nevent: table\n\nid: 3\n\n'), []);
});

test('an id goes on counting for events that bring none, also when it came without data', () => {
  assert.deepEqual(
    eventsOf('id: 3\n\ndata: x\n\n').map((event) => event.lastEventId),
    ['3'],
  );
});

test('an event whose end has not come is not told', () => {
  assert.deepEqual(eventsOf('data: half\n'), []);
});

test('an event beyond its bound is refused instead of filling the memory', () => {
  const reader = new EventStreamReader(() => {});
  const chunk = Buffer.alloc(16_777_216, 'x');
  assert.throws(() => {
    for (let sent = 0; sent < 5; sent += 1) reader.push(chunk);
  }, RangeError);
});
