/** Takes apart the bytes that came back on one connection, more strictly than clients do: each answer framed in exactly one way. */

export interface ReadAnswer {
  readonly status: number;
  /** Names in lower case and values, in the order in which they came. */
  readonly headers: readonly (readonly [string, string])[];
  /** Without its chunked coding. */
  readonly body: string;
}

export interface AnswerStream {
  /** Final answers alone; interim ones (1xx) are counted. */
  readonly answers: readonly ReadAnswer[];
  readonly interim: number;
  /** What is not, or not yet, an answer; '' when all of it was understood. */
  readonly rest: string;
  /** In words, what a server must not send; null: none. */
  readonly fault: string | null;
}

const NO_BODY = new Set([204, 304]);
const HEAD_END = '\r\n\r\n';
const STATUS_LINE = /^HTTP\/1\.1 ([1-9][0-9]{2}) [\t\x20-\x7e\x80-\xff]*$/;
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*$/;

/**
 * @param all what arrived, a character a byte
 * @param methods of the requests in their order: an answer to HEAD has no body
 * @param wasClosed whether the server ended the connection, which may be the end of a body
 */
export function readAnswers(all: string, methods: readonly string[], wasClosed = false): AnswerStream {
  const answers: ReadAnswer[] = [];
  let interim = 0;
  let at = 0;
  const stopped = (fault: string | null): AnswerStream => ({ answers, interim, rest: all.slice(at), fault });
  while (at < all.length) {
    const end = all.indexOf(HEAD_END, at);
    if (end === -1) return stopped(null);
    const head = readHead(all.slice(at, end));
    if (typeof head === 'string') return stopped(head);
    const after = end + HEAD_END.length;
    if (head.status < 200) {
      interim += 1;
      at = after;
      continue;
    }
    const body = readBody(all, after, head, methods[answers.length] ?? 'GET', wasClosed);
    if (typeof body === 'string') return stopped(body);
    if (body === null) return stopped(null);
    answers.push({ ...head, body: body.text });
    at = body.end;
  }
  return stopped(null);
}

export const valuesOf = (answer: ReadAnswer, name: string): string[] =>
  answer.headers.filter(([one]) => one === name).map(([, value]) => value);

type Head = Omit<ReadAnswer, 'body'>;

function readHead(written: string): Head | string {
  const [first = '', ...lines] = written.split('\r\n');
  const status = STATUS_LINE.exec(first)?.[1];
  if (status === undefined) return `a status line that is none: ${JSON.stringify(first)}`;
  const headers: [string, string][] = [];
  for (const line of lines) {
    const field = FIELD.exec(line);
    if (field === null) return `a header line that is none: ${JSON.stringify(line)}`;
    headers.push([field[1]!.toLowerCase(), field[2]!]);
  }
  return { status: Number(status), headers };
}

/** null: not whole yet. */
function readBody(
  all: string,
  from: number,
  head: Head,
  method: string,
  wasClosed: boolean,
): { text: string; end: number } | string | null {
  const lengths = head.headers.filter(([name]) => name === 'content-length').map(([, value]) => value);
  const codings = head.headers.filter(([name]) => name === 'transfer-encoding').map(([, value]) => value);
  if (lengths.length + codings.length > 1) return 'an answer that is framed in two ways';
  if (method === 'HEAD' || NO_BODY.has(head.status)) return { text: '', end: from };
  if (codings[0] !== undefined) return codings[0] === 'chunked' ? readChunks(all, from) : `the coding ${codings[0]}`;
  if (lengths[0] === undefined) return wasClosed ? { text: all.slice(from), end: all.length } : null;
  if (!/^(?:0|[1-9][0-9]*)$/.test(lengths[0])) return `the length ${lengths[0]}`;
  const end = from + Number(lengths[0]);
  return end > all.length ? null : { text: all.slice(from, end), end };
}

function readChunks(all: string, from: number): { text: string; end: number } | string | null {
  let text = '';
  let at = from;
  for (;;) {
    const lineEnd = all.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const written = all.slice(at, lineEnd);
    if (!/^[0-9a-f]{1,8}$/i.test(written)) return `the chunk size ${JSON.stringify(written)}`;
    const size = Number.parseInt(written, 16);
    at = lineEnd + 2;
    if (size === 0) break;
    if (all.length < at + size + 2) return null;
    if (all.slice(at + size, at + size + 2) !== '\r\n') return 'a chunk that does not end where it says';
    text += all.slice(at, at + size);
    at += size + 2;
  }
  // Trailers, to the empty line.
  for (;;) {
    const lineEnd = all.indexOf('\r\n', at);
    if (lineEnd === -1) return null;
    const line = all.slice(at, lineEnd);
    at = lineEnd + 2;
    if (line === '') return { text, end: at };
    if (!FIELD.test(line)) return `a trailer that is none: ${JSON.stringify(line)}`;
  }
}
