/** Reads JSON bodies strictly: media type, size, UTF-8 and syntax each have their own refusal. */
import { isUtf8 } from 'node:buffer';
import express from 'express';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { refuse, RefusedRequest, requestErrors } from '../errors.ts';

const NOT_UTF8 = 'not utf-8';

/** Express middleware. A request without a body leaves `request.body` undefined. `limitBytes` counts the body after decompression; default 64 KiB. */
export function jsonBody(options: { limitBytes?: number } = {}): RequestHandler {
  const limit = options.limitBytes ?? 65_536;
  const read = express.json({
    limit,
    strict: false,
    type: () => true,
    verify: (_request, _response, body) => {
      if (!isUtf8(body)) throw new Error(NOT_UTF8);
    },
  });
  return (request: Request, response: Response, next: NextFunction) => {
    const hasBody =
      request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0;
    if (!hasBody) return next();
    if (
      !/^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(
        request.headers['content-type'] ?? '',
      )
    ) {
      return next(
        new RefusedRequest(
          refuse(requestErrors.MEDIA_TYPE, {
            detail: `Send content-type: application/json (read: ${request.headers['content-type'] ?? 'none'})`,
          }),
        ),
      );
    }
    read(request, response, (error?: unknown) => next(error === undefined ? undefined : refusalOf(error, limit)));
  };
}

function refusalOf(error: unknown, limitBytes: number): unknown {
  const { type, message, status } = error as { type?: string; message?: string; status?: number };
  if (type === 'entity.too.large')
    return new RefusedRequest(refuse(requestErrors.BODY_TOO_LARGE, { detail: `At most ${limitBytes} bytes` }));
  if (message === NOT_UTF8) return new RefusedRequest(refuse(requestErrors.NOT_UTF8));
  if (type === 'entity.parse.failed')
    return new RefusedRequest(refuse(requestErrors.NOT_JSON, { detail: message ?? 'Broken JSON' }));
  if (type === 'encoding.unsupported')
    return new RefusedRequest(refuse(requestErrors.MEDIA_TYPE, { detail: message ?? 'Unsupported content encoding' }));
  if (status !== undefined && status < 500)
    return new RefusedRequest(refuse(requestErrors.INVALID, { detail: message ?? 'Unreadable body' }));
  return error;
}
