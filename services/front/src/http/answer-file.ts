/** Answers one file of the build: in the best encoding that the browser takes, revalidated by ETag, cached by its rule. */
import type { Request, Response } from 'express';
import type { Encoding, WebFile } from './web-files.ts';

export const FOREVER = 'public, max-age=31536000, immutable';
export const ASK_AGAIN = 'no-cache';

/** GET and HEAD; 304 where `If-None-Match` has the tag. */
export function answerFile(request: Request, response: Response, file: WebFile, status = 200): void {
  const encoding = encodingFor(request, file);
  response.status(status);
  response.setHeader('content-type', file.type);
  response.setHeader('cache-control', file.immutable ? FOREVER : ASK_AGAIN);
  response.vary('accept-encoding');
  if (encoding !== 'identity') response.setHeader('content-encoding', encoding);
  response.setHeader('etag', encoding === 'identity' ? file.tag : `${file.tag.slice(0, -1)}-${encoding}"`);
  response.send(file.bodies[encoding]);
}

/** The smallest that the browser takes: among equals (`gzip, deflate, br`) the choice is ours. */
function encodingFor(request: Request, file: WebFile): Encoding {
  const takes = (encoding: Encoding) =>
    file.bodies[encoding] !== undefined && request.acceptsEncodings(encoding) === encoding;
  return takes('br') ? 'br' : takes('gzip') ? 'gzip' : 'identity';
}
