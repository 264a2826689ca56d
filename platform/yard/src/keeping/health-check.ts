/** Asks an instance whether it is well: a 2xx at its health path, else a TCP connect, and proof that it is the one that was asked for. */
import { request } from 'node:http';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import { answers } from '../runtime/ports.ts';

export interface HealthQuestion {
  /** Tried in this order while nobody listens. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** Path; undefined: a TCP connect. */
  readonly health: string | undefined;
  readonly instanceId: string;
  readonly timeoutMs: number;
}

export type HealthAnswer =
  /** `echoes`: it named our instance's id, as services made with the kit do; they also register themselves. */
  | { readonly kind: 'well'; readonly host: string; readonly echoes: boolean }
  | { readonly kind: 'unwell'; readonly why: string }
  /** Another instance answers on that port. */
  | { readonly kind: 'stranger'; readonly why: string };

/** Hosts at which something listens that was told to listen on `host`. */
export function hostsToTry(host: string): string[] {
  const isWildcard = host === '0.0.0.0' || host === '::' || host === '';
  // A program that listens on "localhost" may have got the IPv6 address alone.
  const loopback = ['127.0.0.1', '::1'];
  return isWildcard || loopback.includes(host) || host === 'localhost' ? loopback : [host, ...loopback];
}

export async function checkHealth(question: HealthQuestion): Promise<HealthAnswer> {
  let why = 'nobody listens';
  for (const host of question.hosts) {
    const answer = question.health === undefined ? await connects(question, host) : await asks(question, host);
    if (answer !== 'refused') return answer;
    why = `nobody listens on port ${question.port}`;
  }
  return { kind: 'unwell', why };
}

async function connects(question: HealthQuestion, host: string): Promise<HealthAnswer | 'refused'> {
  const isAnswered = await answers(question.port, host, question.timeoutMs);
  return isAnswered ? { kind: 'well', host, echoes: false } : 'refused';
}

function asks(question: HealthQuestion, host: string): Promise<HealthAnswer | 'refused'> {
  const { port, health = '/', instanceId, timeoutMs } = question;
  return new Promise((resolve) => {
    const asked = request(
      { host, port, path: health, agent: false, headers: { accept: '*/*' }, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        response.resume();
        const status = response.statusCode ?? 0;
        const named = response.headers[INSTANCE_HEADER];
        if (named !== undefined && named !== instanceId) {
          resolve({ kind: 'stranger', why: `port ${port} is answered by another instance (${String(named)})` });
        } else if (status >= 200 && status <= 299) {
          resolve({ kind: 'well', host, echoes: named === instanceId });
        } else {
          resolve({ kind: 'unwell', why: `${health} answers ${status}` });
        }
        // What follows the head is of no interest, however long it is.
        asked.destroy();
      },
    );
    asked.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED' || error.code === 'EADDRNOTAVAIL') resolve('refused');
      else if (error.name === 'AbortError' || error.name === 'TimeoutError') {
        resolve({ kind: 'unwell', why: `${health} gives no answer within ${timeoutMs / 1_000} s` });
      } else resolve({ kind: 'unwell', why: `${health}: ${error.message}` });
    });
    asked.end();
  });
}
