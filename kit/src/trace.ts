/** The trace that the running code belongs to (W3C Trace Context), carried along asynchronous calls. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { pooledRandom } from './ids.ts';

export interface Trace {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits: this hop. */
  readonly spanId: string;
  readonly sampled: boolean;
  readonly requestId: string;
}

const current = new AsyncLocalStorage<Trace>();
/** Version 00 has no more than these four fields; later ones may have. */
const TRACEPARENT =
  /^(?!ff)(?:00(?=.{53}$)|(?!00)[0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:$|-)/;

/** The trace id and flags of a `traceparent` header; null where it is absent or malformed. */
export function parseTraceparent(
  header: string | undefined,
): { traceId: string; spanId: string; sampled: boolean } | null {
  const parts = header === undefined ? null : TRACEPARENT.exec(header);
  if (parts === null) return null;
  return {
    traceId: parts[1]!,
    spanId: parts[2]!,
    sampled: (Number.parseInt(parts[3]!, 16) & 1) === 1,
  };
}

export const formatTraceparent = (trace: Pick<Trace, 'traceId' | 'spanId' | 'sampled'>): string =>
  `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;

/** Continues the caller's trace by a new span, or begins one. */
export function enterTrace(traceparent: string | undefined, requestId?: string): Trace {
  const parent = parseTraceparent(traceparent);
  const traceId = parent?.traceId ?? pooledRandom(16).toString('hex');
  return {
    traceId,
    spanId: pooledRandom(8).toString('hex'),
    sampled: parent?.sampled ?? true,
    requestId: requestId ?? traceId,
  };
}

export const runInTrace = <T>(trace: Trace, work: () => T): T => current.run(trace, work);
/** For what outlives the request that began it, such as a timer: its log lines are not that request's. */
export const runOutsideTrace = <T>(work: () => T): T => current.exit(work);
export const currentTrace = (): Trace | undefined => current.getStore();
