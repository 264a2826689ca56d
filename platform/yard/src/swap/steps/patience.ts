/** Asks the registry until it answers: a registry that is away or restarts is waited for, and changes nothing for those who are served. */
import { setTimeout as pause } from 'node:timers/promises';
import { RegistryError } from '@switchyard/kit/registry/client';
import type { Swap } from '../swap.ts';

const RETRY_MS = 100;

/** Tries again while the registry cannot be reached or says that it is not ready; other errors are thrown. Rejects when `signal` aborts. */
export async function patiently<T>(swap: Swap, signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
  let isTold = false;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof RegistryError) || (error.status !== 0 && error.status < 500)) throw error;
      if (!isTold) swap.tell('waiting for the registry');
      isTold = true;
    }
    await pause(RETRY_MS, undefined, { signal });
  }
}
