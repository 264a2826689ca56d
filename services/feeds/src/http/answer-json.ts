/** Answers JSON that is text already, without Express's or Nest's serialisation in between. */
import type { ServerResponse } from 'node:http';
import { accepted } from '@switchyard/kit/errors';
import type { Refusal } from '@switchyard/kit/errors';

/** @throws RefusedRequest for a refusal */
export function answerJson(response: ServerResponse, json: string | Refusal, status = 200): void {
  const body = accepted(json);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body); // a string goes out in one piece with its head
}
