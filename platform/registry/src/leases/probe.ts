/** Asks an instance whose lease ran out whether it is still there: by its health path, else by a TCP connection. */
import { request } from 'node:http';
import { connect } from 'node:net';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';

export interface ProbeTarget {
  readonly id: string;
  readonly host: string;
  readonly port: number;
  /** HTTP path; undefined: a TCP connection is enough. */
  readonly health: string | undefined;
}

/**
 * `well`: it answers. `refused`: its machine says that nobody listens. `replaced`: another instance answers at its address.
 * `silent`: no answer in time, unreachable, or an answer other than 2xx.
 */
export type ProbeOutcome = 'well' | 'refused' | 'replaced' | 'silent';

/** Never rejects, and takes `timeoutMs` at most. */
export type Probe = (target: ProbeTarget, timeoutMs: number) => Promise<ProbeOutcome>;

/** No redirect is followed, no connection kept, no body read. */
export const probe: Probe = (target, timeoutMs) =>
  target.health === undefined ? probeByTcp(target, timeoutMs) : probeByHttp(target, target.health, timeoutMs);

const outcomeOfError = (error: unknown): ProbeOutcome =>
  (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ? 'refused' : 'silent';

function probeByTcp({ host, port }: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (outcome: ProbeOutcome): void => {
      clearTimeout(deadline);
      socket.destroy();
      resolve(outcome);
    };
    const deadline = setTimeout(() => end('silent'), timeoutMs);
    socket.once('connect', () => end('well'));
    socket.once('error', (error) => end(outcomeOfError(error)));
  });
}

function probeByHttp({ id, host, port }: ProbeTarget, path: string, timeoutMs: number): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const asked = request({ host, port, path, agent: false, headers: { 'user-agent': 'switchyard-registry' } });
    const end = (outcome: ProbeOutcome): void => {
      clearTimeout(deadline);
      asked.destroy();
      resolve(outcome);
    };
    const deadline = setTimeout(() => end('silent'), timeoutMs);
    asked.on('error', (error) => end(outcomeOfError(error)));
    asked.on('response', (answer) => {
      const answering = answer.headers[INSTANCE_HEADER];
      if (answering !== undefined && answering !== id) return end('replaced');
      const { statusCode = 0 } = answer;
      end(statusCode >= 200 && statusCode <= 299 ? 'well' : 'silent');
    });
    asked.end();
  });
}
