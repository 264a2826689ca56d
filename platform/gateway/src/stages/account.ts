/** Last stage, once for each request however it ended: metrics, its line in the access log, its span. */
import type { AccessLog } from '../observe/access-log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Tracing } from '../observe/tracing.ts';
import type { Stage } from '../way.ts';

export interface Accounts {
  readonly metrics: Metrics;
  readonly accessLog: AccessLog;
  /** null: no collector is configured. */
  readonly tracing: Tracing | null;
}

export const accountStage =
  (accounts: Accounts, nowMs: () => number): Stage =>
  (exchange) => {
    const durationMs = nowMs() - exchange.startedAtMs;
    accounts.metrics.count(exchange, durationMs);
    accounts.accessLog.write(exchange, durationMs);
    if (accounts.tracing !== null) accounts.tracing.record(exchange, durationMs);
    return undefined;
  };
