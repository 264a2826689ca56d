/** Reads the head of a plain request, more strictly than any parser behind us: what is not plain is not read here at all. */
import { HEADER, headerCode } from '../message/header-names.ts';
import { fieldsOf } from '../message/fields.ts';
import type { RequestHead } from './client-side.ts';

export interface PlainRequest extends RequestHead {
  /** Bytes of the body; 0 when there is none. */
  readonly bodyLength: number;
}

/** A method that is followed by a path with visible characters only, in HTTP/1.1. */
const REQUEST_LINE = /^(GET|HEAD|POST|PUT|PATCH|DELETE) (\/[\x21\x22\x24-\x5b\x5d-\x7e]*) HTTP\/1\.1\r\n/;
const HEADERS_MAX = 100;
const PLAIN_LENGTH = /^(?:0|[1-9][0-9]{0,14})$/;
/** What changes how a message is framed or whom the connection belongs to, or may mean several things. */
const NOT_PLAIN =
  (1 << HEADER.REFUSE) |
  (1 << HEADER.TRANSFER_ENCODING) |
  (1 << HEADER.UPGRADE) |
  (1 << HEADER.EXPECT) |
  (1 << HEADER.TE);

/**
 * @param text the head, without the empty line at its end
 * @returns null when it is not plain, or not a request at all: node:http decides which
 */
export function readPlainRequest(text: string): PlainRequest | null {
  const line = REQUEST_LINE.exec(text);
  if (line === null) return null;
  const rawHeaders = fieldsOf(text, line[0].length);
  if (rawHeaders === null || rawHeaders.length > 2 * HEADERS_MAX) return null;
  let bodyLength = -1;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const code = headerCode(rawHeaders[index]!);
    if (code === HEADER.PASS) continue;
    if (((1 << code) & NOT_PLAIN) !== 0) return null;
    const value = rawHeaders[index + 1]!;
    if (code === HEADER.CONTENT_LENGTH) {
      if (bodyLength !== -1 || !PLAIN_LENGTH.test(value)) return null;
      bodyLength = Number(value);
    } else if (code === HEADER.CONNECTION && value !== 'keep-alive' && value !== 'Keep-Alive') return null;
  }
  return { method: line[1]!, target: line[2]!, version: '1.1', rawHeaders, bodyLength: Math.max(bodyLength, 0) };
}
