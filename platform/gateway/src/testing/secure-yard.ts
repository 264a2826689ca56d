/** A gateway with HTTPS on free ports, for clients that trust an authority of the test's own. */
import { rmSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { TestContext } from 'node:test';
import { TestAuthority } from './test-certificate.ts';
import type { TestCertificate } from './test-certificate.ts';
import { startYardWith } from './test-yard.ts';
import type { TestUpstream, TestYard } from './test-yard.ts';
import { freePort } from './free-port.ts';

export interface SecureYard extends TestYard {
  readonly upstream: TestUpstream;
  readonly authority: TestAuthority;
  readonly files: TestCertificate;
  readonly tlsPort: number;
  /** `https://localhost:…` */
  readonly secureUrl: string;
  /** A connection of HTTP/2, closed with the test. */
  session(): ClientHttp2Session;
}

export async function startSecureYard(
  t: TestContext,
  listener: RequestListener,
  environment: Readonly<Record<string, string>> = {},
  route: Readonly<Record<string, unknown>> = {},
  more: Readonly<Record<string, unknown>> = {},
): Promise<SecureYard> {
  const { authority, files } = certificateFor(t);
  const tlsPort = await freePort();
  const settings = JSON.stringify({ tls: { ...files, port: tlsPort, ...more } });
  const yard = await startYardWith(t, listener, { GATEWAY_SETTINGS: settings, ...environment }, route);
  const secureUrl = `https://localhost:${tlsPort}`;
  const session = (): ClientHttp2Session => {
    const made = connect(secureUrl, { ca: authority.pem });
    made.on('error', () => {});
    t.after(() => made.destroy());
    return made;
  };
  return { ...yard, authority, files, tlsPort, secureUrl, session };
}

export function certificateFor(t: TestContext): { authority: TestAuthority; files: TestCertificate } {
  const authority = new TestAuthority();
  t.after(() => rmSync(authority.folder, { recursive: true, force: true }));
  return { authority, files: authority.issue('first') };
}

export interface StreamAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly trailers: IncomingHttpHeaders;
  /** 0: its end was in order. */
  readonly resetCode: number;
}

/** One request on a session, to the end of its stream. */
export async function askStream(
  session: ClientHttp2Session,
  headers: Readonly<Record<string, string | string[]>>,
  body?: string | Buffer,
): Promise<StreamAnswer> {
  const stream = session.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerOf(stream);
}

export async function answerOf(stream: ClientHttp2Stream): Promise<StreamAnswer> {
  let head: IncomingHttpHeaders = {};
  let trailers: IncomingHttpHeaders = {};
  const pieces: Buffer[] = [];
  stream.on('response', (headers) => {
    head = headers;
  });
  stream.on('trailers', (headers: IncomingHttpHeaders) => {
    trailers = headers;
  });
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  stream.on('error', () => {});
  await new Promise((resolve) => stream.on('close', resolve));
  const status = Number((head as Record<string, unknown>)[':status'] ?? 0);
  return { status, headers: head, text: Buffer.concat(pieces).toString(), trailers, resetCode: stream.rstCode ?? 0 };
}
