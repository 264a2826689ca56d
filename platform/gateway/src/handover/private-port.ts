/** A port of this one process, on loopback: the door's port is shared during a handover, and says not who answers. */
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { INSTANCE_HEADER } from '@switchyard/contracts/identity';
import type { DoorStage } from './door-stage.ts';
import { answerJson } from '@switchyard/kit/http/answer-json';

export interface PrivatePortParts {
  readonly instance: string;
  readonly stage: () => DoorStage;
  readonly isReady: () => boolean;
  /** Of the table that it routes by; null before the first. */
  readonly epoch: () => number | null;
}

/** `/-/live`, `/-/ready` as at the door, `/-/accepting`: 200 while it takes connections at the door, else 503 with its stage. */
export function privatePort(parts: PrivatePortParts): Server {
  const { instance, stage, isReady, epoch } = parts;
  return createServer((request, response) => {
    request.resume();
    response.setHeader(INSTANCE_HEADER, instance);
    const { url, method } = request;
    if (method !== 'GET' && method !== 'HEAD') return answerJson(response, 405, { status: 'method not allowed' });
    if (url === '/-/live') return answerJson(response, 200, { status: 'ok' });
    if (url === '/-/ready')
      return answerJson(response, isReady() ? 200 : 503, { status: isReady() ? 'ok' : 'starting' });
    if (url !== '/-/accepting') return answerJson(response, 404, { status: 'not found' });
    answerJson(response, stage() === 'accepting' ? 200 : 503, { stage: stage(), epoch: epoch() });
  });
}

/** Whether that instance answers 200 there. */
export async function answers200(at: { readonly id: string; readonly port: number }, path: string): Promise<boolean> {
  try {
    const answered = await fetch(`http://127.0.0.1:${at.port}${path}`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    await answered.body?.cancel();
    return answered.status === 200 && answered.headers.get(INSTANCE_HEADER) === at.id;
  } catch {
    return false;
  }
}

const ANSWER_MS = 1_000;
