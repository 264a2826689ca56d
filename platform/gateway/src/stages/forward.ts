/** Hands the request to who answers it: the gateway's own interface, an instance, or a tunnel to one. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CorsPolicy } from '../message/cors-policy.ts';
import { answerOwn } from '../http/own-answer.ts';
import type { Deadlines } from '../upstream/deadlines.ts';
import type { OpenStreams } from '../upstream/open-streams.ts';
import type { PaceLimits } from '../upstream/pace.ts';
import { Relay } from '../upstream/relay.ts';
import { Tunnel } from '../upstream/tunnel.ts';
import { WAIT } from '../way.ts';
import type { Stage } from '../way.ts';

export interface Forwarding {
  readonly deadlines: Deadlines;
  readonly streams: OpenStreams;
  readonly cors: CorsPolicy;
  readonly nowMs: () => number;
  readonly pace: PaceLimits;
  /** The Express application of the gateway's own interface. */
  readonly ownInterface: (request: IncomingMessage, response: ServerResponse) => void;
}

export const forwardStage =
  (around: Forwarding): Stage =>
  (exchange, way) => {
    if (exchange.route!.service === null) answerOwn(exchange, around);
    else if (exchange.upgrade !== null) new Tunnel(exchange, way, around).begin();
    else new Relay(exchange, way, around).begin();
    return WAIT;
  };
