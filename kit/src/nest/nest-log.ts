/** Nest's own messages in the service's log: its chatter at debug. */
import type { LoggerService } from '@nestjs/common';
import type { Logger } from '../log.ts';

export function nestLog(log: Logger): LoggerService {
  const at =
    (level: 'debug' | 'trace' | 'warn' | 'error' | 'fatal') =>
    (message: unknown, ...more: unknown[]): void => {
      const context = more.at(-1);
      const text = message instanceof Error ? message.message : String(message);
      log[level]({ nest: context, ...(message instanceof Error ? { err: message } : {}) }, text);
    };
  return {
    log: at('debug'),
    debug: at('debug'),
    verbose: at('trace'),
    warn: at('warn'),
    error: at('error'),
    fatal: at('fatal'),
  };
}
