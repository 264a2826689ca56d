/** How lines of logs are put in order and shown. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import pico from 'picocolors';
import { interleave, prettyLogLine, readLogLine } from './log-line.ts';

const plain = pico.createColors(false);
const line = (service: string, text: string) => readLogLine(service, text);

it('lines of several services come in the order of their time; a line without one stays behind its predecessor', () => {
  const lines = [
    line('a', '{"time":"2026-01-01T00:00:02Z","message":"a2"}'),
    line('a', 'Traceback'),
    line('a', '{"time":"2026-01-01T00:00:04Z","message":"a4"}'),
    line('b', '2026-01-01 00:00:03.000 UTC [12] LOG:  b3'),
    line('b', '{"time":1767225601000,"message":"b1"}'),
  ];
  const order = interleave(lines).map(({ text }) => /a2|a4|b1|b3|Traceback/.exec(text)![0]);
  assert.deepEqual(order, ['b1', 'a2', 'Traceback', 'b3', 'a4']);
});

it('a JSON line shows time, level, message and what else it says', () => {
  const text =
    '{"level":"warn","time":"2026-01-01T10:20:30.456Z","service":"a","message":"slow","ms":12,"what":{"x":1}}';
  assert.equal(prettyLogLine(line('a', text), plain), '10:20:30.456 WARN  slow ms=12 what={"x":1}');
});

it('other lines are shown as they are, and cannot steer the terminal', () => {
  assert.equal(prettyLogLine(line('a', 'plain \u001B[31mred'), plain), 'plain ·[31mred');
  assert.equal(prettyLogLine(line('a', '{not json'), plain), '{not json');
});
