/** Times as people read them: relative while recent, a date afterwards, in the reader's language. */
import type { Language } from '../words/language.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** "now", "5 min. ago", "3 hr. ago", "yesterday"; from a week on the date, with the year where it is not this one. A time in the future (clocks differ) counts as now. */
export function whenOf(iso: string, nowMs: number, language: Language, timeZone?: string): string {
  const atMs = Date.parse(iso);
  if (Number.isNaN(atMs)) return '';
  const agoMs = Math.max(0, nowMs - atMs);
  const relative = new Intl.RelativeTimeFormat(language, { numeric: 'auto', style: 'short' });
  if (agoMs < MINUTE_MS) return relative.format(0, 'second');
  if (agoMs < HOUR_MS) return relative.format(-Math.floor(agoMs / MINUTE_MS), 'minute');
  if (agoMs < DAY_MS) return relative.format(-Math.floor(agoMs / HOUR_MS), 'hour');
  if (agoMs < 7 * DAY_MS) return relative.format(-Math.floor(agoMs / DAY_MS), 'day');
  const zone = timeZone === undefined ? {} : { timeZone };
  const yearOf = (ms: number) => new Intl.DateTimeFormat('en', { year: 'numeric', ...zone }).format(ms);
  return new Intl.DateTimeFormat(language, {
    month: 'short',
    day: 'numeric',
    ...(yearOf(atMs) === yearOf(nowMs) ? {} : { year: 'numeric' }),
    ...zone,
  }).format(atMs);
}

/** The whole date and time, for who wants to know exactly. */
export function exactly(iso: string, language: Language, timeZone?: string): string {
  const atMs = Date.parse(iso);
  if (Number.isNaN(atMs)) return '';
  return new Intl.DateTimeFormat(language, {
    dateStyle: 'long',
    timeStyle: 'short',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(atMs);
}

/** Month and year: "November 2025". */
export function monthOf(iso: string, language: Language, timeZone?: string): string {
  const atMs = Date.parse(iso);
  if (Number.isNaN(atMs)) return '';
  return new Intl.DateTimeFormat(language, {
    month: 'long',
    year: 'numeric',
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(atMs);
}
