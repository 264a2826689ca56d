/** One line of a log: when it was written, if it says so, and how it is shown to people; pure. */
import type { Surroundings } from '../command.ts';

type Colours = Surroundings['colours'];

export interface LogLine {
  readonly service: string;
  readonly text: string;
  /** Milliseconds since 1970; null when the line does not say. */
  readonly timeMs: number | null;
}

/** Fields that the line's own columns show, or that are the same on every line. */
const SHOWN_ELSEWHERE = new Set([
  'time',
  'level',
  'message',
  'msg',
  'service',
  'deployment',
  'instance',
  'pid',
  'hostname',
]);

export function readLogLine(service: string, text: string): LogLine {
  const fields = jsonFields(text);
  const time = fields === null ? timeAtStart(text) : fields['time'];
  const timeMs = typeof time === 'number' ? time : typeof time === 'string' ? Date.parse(time) : Number.NaN;
  return { service, text, timeMs: Number.isFinite(timeMs) ? timeMs : null };
}

/** `12:03:04.123 INFO  message  key=value`, or the line as it is when it is not JSON. Control characters are made harmless. */
export function prettyLogLine({ text }: LogLine, colours: Colours): string {
  const fields = jsonFields(text);
  if (fields === null) return harmless(text);
  const level = textOf(fields['level']).toUpperCase();
  const time = typeof fields['time'] === 'string' ? fields['time'].slice(11, 23) : '';
  const message = textOf(fields['message'] ?? fields['msg']);
  const more = Object.entries(fields)
    .filter(([name]) => !SHOWN_ELSEWHERE.has(name))
    .map(([name, value]) => `${name}=${textOf(value)}`)
    .join(' ');
  const coloured =
    level === 'ERROR' || level === 'FATAL' ? colours.red : level === 'WARN' ? colours.yellow : colours.cyan;
  return [colours.dim(time), coloured(level.padEnd(5)), harmless(message), colours.dim(harmless(more))]
    .filter((part) => part !== '')
    .join(' ');
}

/** Lines in the order of their time; those that do not say it stay behind the line before them of their service. */
export function interleave(lines: readonly LogLine[]): LogLine[] {
  const last = new Map<string, number>();
  const timed = lines.map((line, index) => {
    const timeMs = line.timeMs ?? last.get(line.service) ?? 0;
    last.set(line.service, timeMs);
    return { line, timeMs, index };
  });
  return timed.sort((a, b) => a.timeMs - b.timeMs || a.index - b.index).map(({ line }) => line);
}

const textOf = (value: unknown): string =>
  value === undefined ? '' : typeof value === 'string' ? value : JSON.stringify(value);

function jsonFields(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{')) return null;
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}

/** PostgreSQL and many others begin their lines like this. */
function timeAtStart(text: string): string | undefined {
  const found = /^\[?(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2}(?:[.,]\d+)?)(?: ?(UTC|Z))?/.exec(text);
  if (found === null) return undefined;
  return `${found[1]}T${found[2]!.replace(',', '.')}${found[3] === undefined ? '' : 'Z'}`;
}

/** A log may hold what a stranger sent: it must not steer the terminal. */
const harmless = (text: string): string => text.replaceAll(/[\u0000-\u0008\u000B-\u001F\u007F]/g, '·');
