/** What is asked of every contestant, and the answer that is right. */
import { request } from 'node:http';
import { LARGE_BYTES, SMALL_JSON } from './upstream.ts';

export interface Case {
  readonly name: string;
  readonly says: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body: string | null;
  /** Sends an access token along, which Switchyard verifies and exchanges for a signed identity; peers pass it on. */
  readonly isAuthenticated: boolean;
  /** What is wrong with an answer; null: nothing. */
  readonly fault: (status: number, body: Buffer) => string | null;
}

const answersJson = (status: number, body: Buffer): string | null =>
  status !== 200 ? `status ${status}` : body.toString() === SMALL_JSON ? null : `body ${body.toString().slice(0, 100)}`;
const answersLarge = (status: number, body: Buffer): string | null =>
  status !== 200 ? `status ${status}` : body.length === LARGE_BYTES ? null : `${body.length} bytes`;

const PLAIN = { method: 'GET', body: null, isAuthenticated: false, fault: answersJson } as const;
const POSTED = JSON.stringify({ text: 'x'.repeat(1_024 - '{"text":""}'.length) });

export const CASES: readonly Case[] = [
  { ...PLAIN, name: 'small-get', says: 'small GET', path: '/small' },
  { ...PLAIN, name: 'post', says: '1 KB POST', method: 'POST', path: '/post', body: POSTED },
  { ...PLAIN, name: 'large', says: '100 KB answer', path: '/large', fault: answersLarge },
  { ...PLAIN, name: 'authenticated', says: 'authenticated GET', path: '/own', isAuthenticated: true },
];

/** Beyond Host and Content-Length. */
export function headersOf(one: Case, token: string): Record<string, string> {
  return {
    accept: 'application/json',
    'user-agent': 'bench',
    ...(one.body === null ? {} : { 'content-type': 'application/json' }),
    ...(one.isAuthenticated ? { authorization: `Bearer ${token}` } : {}),
  };
}

/** One answer, looked at; asked for with the headers of the load, to which fetch would add its own. @throws when it is wrong */
export function proveAnswer(one: Case, origin: string, token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const length = one.body === null ? {} : { 'content-length': one.body.length };
    const headers = { ...headersOf(one, token), ...length };
    const asked = request(`${origin}${one.path}`, { method: one.method, agent: false, timeout: 5_000, headers });
    asked.once('timeout', () => asked.destroy(new Error('no answer within 5 s')));
    asked.once('error', reject);
    asked.once('response', (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.once('error', reject);
      answer.once('end', () => {
        const fault = one.fault(answer.statusCode ?? 0, Buffer.concat(parts));
        if (fault === null) resolve();
        else reject(new Error(`${one.says}: ${fault}`));
      });
    });
    asked.end(one.body ?? undefined);
  });
}
