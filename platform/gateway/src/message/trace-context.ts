/** The trace that a request belongs to (W3C Trace Context): its caller's, where that is said properly, or a new one. */
import type { Exchange } from '../exchange.ts';
import type { Sampling } from '../observe/sampling.ts';
import { newSpanId, newTraceId } from './trace-ids.ts';

/** Version, trace, parent and flags. Version `ff` is none, nor are zeros an id. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|-)/;
const LENGTH = 55;

/** At most so many vendors may speak in `tracestate`. */
const MEMBERS_MAX = 32;
const MEMBER =
  /^(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;

/**
 * Continues the caller's trace, or begins one, whose flag says whether it is sent from here; services that decide by the flag agree
 * with that. `exchange.tracestate` has what came, and keeps it if it can be understood.
 *
 * @param traceparent '' when there is none, or more than one
 */
export function beginTrace(exchange: Exchange, traceparent: string, sampling: Sampling): void {
  exchange.spanId = newSpanId();
  if (!isTraceparent(traceparent)) {
    exchange.traceId = newTraceId();
    exchange.traceFlags = sampling.keeps(exchange.traceId) ? '01' : '00';
    exchange.tracestate = '';
    return;
  }
  exchange.traceId = traceparent.slice(3, 35);
  exchange.parentSpanId = traceparent.slice(36, 52);
  // Of the flags only the one that is known may be said on (section 3.3).
  exchange.traceFlags = (Number.parseInt(traceparent.slice(53, LENGTH), 16) & 1) === 0 ? '00' : '01';
  if (exchange.tracestate !== '') exchange.tracestate = understood(exchange.tracestate);
}

/** A version that is not known yet may say more behind another hyphen; version 00 may not (section 4.3). */
const isTraceparent = (header: string): boolean =>
  header !== '' && TRACEPARENT.test(header) && (header.length === LENGTH || !header.startsWith('00'));

/** '' for a list that breaks the rules (section 3.3.1): all of it is dropped then. Empty members are allowed, and left out. */
function understood(tracestate: string): string {
  const members = tracestate
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
  if (members.length > MEMBERS_MAX || !members.every((member) => MEMBER.test(member))) return '';
  const keys = new Set(members.map((member) => member.slice(0, member.indexOf('='))));
  return keys.size === members.length ? members.join(',') : '';
}
