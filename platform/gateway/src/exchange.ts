/** One request on its way through the stages: what was read of it, what was decided, and what has come of it. */
import type { Duplex } from 'node:stream';
import type { Grant } from './sessions/access-tokens.ts';
import type { Claim } from './routing/claim.ts';
import type { CompiledRoute } from './routing/route-finder.ts';
import { LIVE_BUCKET } from './routing/split.ts';
import type { ClientConnection } from './door/client-connection.ts';
import type { ClientSide } from './door/client-side.ts';

const NONE: readonly string[] = [];

/** Who carries the exchange out and must hear when its answer has ended. */
export interface Runner {
  responseClosed(): void;
}

/** A client that asked for a WebSocket. */
export interface Upgrade {
  readonly stream: Duplex;
  /** What it sent after the head. */
  readonly head: Buffer;
  /** Tells the client that it has one; from then on `stream` carries its frames. `headers`: names and values in turn. */
  accept(headers: readonly string[]): void;
}

export class Exchange {
  readonly client: ClientSide;
  readonly connection: ClientConnection;
  readonly upgrade: Upgrade | null;
  /** `performance.now()` when its head had arrived. */
  readonly startedAtMs: number;
  /** Told once, after the last stage. */
  readonly onClosed: (exchange: Exchange) => void;

  /** Index of the next stage. */
  at = 0;

  // Read by validate.
  method = '';
  path = '/';
  query = '';
  otherReading: string | null = null;
  host = '';
  /** Names and values in turn, in the client's spelling, of all headers that are passed on as they are. */
  kept: string[] = [];
  /** Lower-case names that its Connection header removes from this hop; null: none. */
  connectionNamed: readonly string[] | null = null;
  cookie = '';
  authorization = '';
  origin = '';
  fetchSite = '';
  /** Of the header that asks for a preview. */
  previewToken = '';
  preflightMethod = '';
  preflightHeaders = '';
  acceptsTrailers = false;
  expectsContinue = false;
  /** -1 when it declares none. */
  contentLength = -1;
  isChunked = false;
  requestId = '';
  traceId = '';
  /** Of the gateway's own part of the trace. */
  spanId = '';
  /** Of the caller's part; '' when the trace begins here. */
  parentSpanId = '';
  /** '01' when the trace is kept, '00' when it is not. */
  traceFlags: '00' | '01' = '01';
  tracestate = '';

  // Decided on the way.
  route: CompiledRoute | null = null;
  grant: Grant | null = null;
  /** Signed for the route's service; '' when there is no identity, or it is not passed on. */
  identityToken = '';
  /** Authorization carried our own access token, which no service gets to see. */
  isOwnAuthorization = false;
  /** Cookies to set on the answer, from a refresh in passing. */
  setCookies: readonly string[] = NONE;
  /** Names and values in turn that tell the client of its limit on the route; empty where there is none. */
  rateLimit: readonly string[] = NONE;
  /** Counted as one of those that this process has under way. */
  isInFlight = false;
  /** Of a split: 0 to 99, or who gets it whatever the shares are. */
  bucket = LIVE_BUCKET;
  /** Value of the Set-Cookie by which a browser stays with its bucket; '' when none is to be set. */
  bucketCookie = '';
  claim: Claim | null = null;
  runner: Runner | null = null;

  // What has come of it.
  /** 0 until there is one; 499 when the client went away before. */
  status = 0;
  /** Code of the gateway's own error; '' when the answer is the service's. */
  errorCode = '';
  retries = 0;
  isAccounted = false;
  bytesIn = 0;
  bytesOut = 0;

  constructor(client: ClientSide, upgrade: Upgrade | null, nowMs: number, onClosed: (exchange: Exchange) => void) {
    this.client = client;
    this.connection = client.connection;
    this.upgrade = upgrade;
    this.startedAtMs = nowMs;
    this.onClosed = onClosed;
  }

  get hasBody(): boolean {
    return this.isChunked || this.contentLength > 0;
  }

  /** Whether the client still waits for an answer. */
  get isWanted(): boolean {
    return this.client.isWanted;
  }
}
