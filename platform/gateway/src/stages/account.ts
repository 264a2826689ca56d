/** Last stage, once for each request however it ended: metrics and the access log. */
import type { AccessLog } from '../observe/access-log.ts';
import type { Metrics } from '../observe/metrics.ts';
import type { Stage } from '../way.ts';

export interface Accounts {
  readonly metrics: Metrics;
  readonly accessLog: AccessLog;
}

export const accountStage =
  (accounts: Accounts, nowMs: () => number): Stage =>
  (exchange) => {
    const durationMs = nowMs() - exchange.startedAtMs;
    accounts.metrics.count(exchange, durationMs);
    accounts.accessLog.write(exchange, durationMs);
    return undefined;
  };
