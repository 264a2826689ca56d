/** Answers JSON that nobody may keep: what it says holds for this moment. */
import type { ServerResponse } from 'node:http';

/** `body`: an object, or JSON that is already written. */
export function answerJson(response: ServerResponse, status: number, body: object | string): void {
  const json = typeof body === 'string' ? body : JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(json),
      'cache-control': 'no-store',
    })
    .end(json);
}
