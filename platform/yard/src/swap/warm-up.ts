/** Asks a new instance what it will be asked anyway, so that caches and connections are there before people come. */
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';

/** An answer is read this far: enough to have been made, and an endless one ends. */
const READ_MAX_BYTES = 10_485_760;

export interface WarmUp {
  readonly host: string;
  readonly port: number;
  /** With their queries. */
  readonly paths: readonly string[];
  /** For each path. */
  readonly timeoutMs: number;
  /** Aborted: its reason is thrown. */
  readonly signal: AbortSignal;
}

/**
 * One GET for each path, one after the other: the first of them often fills what the next ones use. Null, or a sentence for the first that
 * answers 5xx or not at all. 4xx is an answer: who warms up has no identity. A body that does not end in time, such as an event stream, is one too.
 */
export async function warmUp({ paths, ...how }: WarmUp): Promise<string | null> {
  for (const path of paths) {
    const fault = await ask(path, how);
    how.signal.throwIfAborted();
    if (fault !== null) return fault;
  }
  return null;
}

function ask(path: string, { host, port, timeoutMs, signal }: Omit<WarmUp, 'paths'>): Promise<string | null> {
  return new Promise((resolve) => {
    const timeout = AbortSignal.timeout(timeoutMs);
    let answer: IncomingMessage | null = null;
    const asked = request({
      host,
      port,
      // What was written as it is read, /größe, goes over the wire as a browser sends it.
      path: path.replaceAll(/[^\x21-\x7e]+/gu, encodeURIComponent),
      agent: false,
      headers: { accept: '*/*', 'user-agent': 'switchyard-warm-up' },
      signal: AbortSignal.any([signal, timeout]),
    });
    const end = (sentence: string | null) => {
      resolve(sentence);
      asked.destroy();
    };
    const broken = (error: Error) => {
      if (!timeout.aborted) end(`${path} gives no whole answer (${error.message})`);
      else end(answer === null ? `${path} gives no answer within ${timeoutMs / 1_000} s` : null);
    };
    asked.on('error', broken);
    asked.on('response', (response) => {
      answer = response;
      const status = response.statusCode ?? 0;
      if (status >= 500) {
        end(`${path} answers ${status}`);
        return;
      }
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > READ_MAX_BYTES) end(null);
      });
      response.on('end', () => end(null));
      response.on('error', broken);
    });
    asked.end();
  });
}
