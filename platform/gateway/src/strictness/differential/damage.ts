/** Random damage to the bytes of requests: what a grammar of attacks does not think of. */
import type { Dice } from './dice.ts';

/** Bytes that parsers decide by. */
const TELLING = [
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  '\0',
  ' ',
  '\t',
  ':',
  ';',
  ',',
  '/',
  '\\',
  '%',
  '?',
  '#',
  '=',
  '"',
  '0',
  '5',
  '\x0b',
  '\x7f',
  '\x80',
  '\xa0',
  '\xff',
  'chunked',
  'HTTP/1.1',
  'Host: b\r\n',
  'Content-Length: 3\r\n',
  'Transfer-Encoding: chunked\r\n',
  'X-Switchyard-Identity: forged\r\n',
];

type Harm = (dice: Dice, bytes: string) => string;

const HARMS: readonly Harm[] = [
  function flipBit(dice, bytes) {
    const at = where(dice, bytes);
    const flipped = bytes.charCodeAt(at) ^ (1 << dice.upTo(8));
    return splice(bytes, at, 1, String.fromCharCode(flipped & 0xff));
  },
  function anyByte(dice, bytes) {
    return splice(bytes, where(dice, bytes), 1, String.fromCharCode(dice.upTo(256)));
  },
  function insertTelling(dice, bytes) {
    return splice(bytes, where(dice, bytes), 0, dice.of(TELLING));
  },
  function replaceByTelling(dice, bytes) {
    return splice(bytes, where(dice, bytes), dice.between(1, 3), dice.of(TELLING));
  },
  function removeBytes(dice, bytes) {
    return splice(bytes, where(dice, bytes), dice.of([1, 1, 1, 2, 5, 20]), '');
  },
  function repeatBytes(dice, bytes) {
    const at = where(dice, bytes);
    return splice(bytes, at, 0, bytes.slice(at, at + dice.of([1, 2, 5, 30])));
  },
  function cutOff(dice, bytes) {
    return bytes.slice(0, 1 + where(dice, bytes));
  },
  function repeatLine(dice, bytes) {
    return inLines(dice, bytes, (lines, at) => lines.splice(at, 0, lines[at]!));
  },
  function removeLine(dice, bytes) {
    return inLines(dice, bytes, (lines, at) => lines.splice(at, 1));
  },
  function moveLine(dice, bytes) {
    return inLines(dice, bytes, (lines, at) => lines.splice(dice.upTo(lines.length), 0, ...lines.splice(at, 1)));
  },
  function otherLineEnd(dice, bytes) {
    const ends = [...bytes.matchAll(/\r\n/g)].map(({ index }) => index);
    if (ends.length === 0) return bytes;
    return splice(
      bytes,
      dice.of(ends),
      2,
      dice.of(['\n', '\r', '\r\r\n', '\n\n', '\r\n\r\n', ' \r\n', '\r\n ', '\r\n\t', '']),
    );
  },
  function spaceAtColon(dice, bytes) {
    const colons = [...bytes.matchAll(/:/g)].map(({ index }) => index);
    if (colons.length === 0) return bytes;
    return splice(bytes, dice.of(colons), 1, dice.of([' :', '\t:', ': \t ', ':', '', '::', ';']));
  },
  function otherNumber(dice, bytes) {
    const numbers = [...bytes.matchAll(/: (\d+)\r/g)];
    if (numbers.length === 0) return bytes;
    const { index, 1: digits = '' } = dice.of(numbers);
    const other = dice.of([
      `0${digits}`,
      `+${digits}`,
      `${digits}0`,
      String(Number(digits) + 1),
      String(Math.max(0, Number(digits) - 1)),
      `${digits},${digits}`,
      '',
      '0',
    ]);
    return splice(bytes, index + 2, digits.length, other);
  },
  function otherCase(dice, bytes) {
    const at = where(dice, bytes);
    const piece = bytes.slice(at, at + 8);
    return splice(bytes, at, 8, dice.is(0.5) ? piece.toUpperCase().slice(0, 8) : piece.toLowerCase().slice(0, 8));
  },
];

export function damaged(dice: Dice, bytes: string): string {
  let harmed = bytes;
  for (let left = dice.of([1, 1, 1, 2, 2, 3, 5]); left > 0; left -= 1) harmed = dice.of(HARMS)(dice, harmed);
  // Case mapping may leave the range of bytes (ÿ to Ÿ).
  return harmed === '' ? ' ' : harmed.replace(/[^\0-\xff]/g, '?');
}

/** Mostly in heads, where bytes mean something. */
function where(dice: Dice, bytes: string): number {
  const headEnd = bytes.indexOf('\r\n\r\n');
  return dice.upTo(Math.max(1, headEnd !== -1 && dice.is(0.7) ? headEnd + 4 : bytes.length));
}

const splice = (bytes: string, at: number, count: number, by: string): string =>
  bytes.slice(0, at) + by + bytes.slice(at + count);

function inLines(dice: Dice, bytes: string, change: (lines: string[], at: number) => unknown): string {
  const headEnd = bytes.indexOf('\r\n\r\n');
  const end = headEnd === -1 ? bytes.length : headEnd;
  const lines = bytes.slice(0, end).split('\r\n');
  change(lines, dice.upTo(lines.length));
  return lines.join('\r\n') + bytes.slice(end);
}
