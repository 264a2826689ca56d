/** Lets the gateway's own interface, an Express application, answer an exchange. */
import type { IncomingMessage } from 'node:http';
import type { Exchange } from '../exchange.ts';
import type { Forwarding } from '../stages/forward.ts';
import type { Watched } from '../upstream/deadlines.ts';

/** Longest that an own answer may take, the arrival of its request's body included. */
const DEADLINE_MS = 30_000;

const EXCHANGE = Symbol('exchange');
type Carrier = IncomingMessage & { [EXCHANGE]?: Exchange };

/** The exchange that a request of the own interface belongs to. */
export function exchangeOf(request: IncomingMessage): Exchange {
  const exchange = (request as Carrier)[EXCHANGE];
  if (exchange === undefined) throw new Error('the request did not come through the gateway');
  return exchange;
}

export function answerOwn(exchange: Exchange, around: Forwarding): void {
  exchange.client.answerBy((request, response) => {
    (request as Carrier)[EXCHANGE] = exchange;
    // Routed by the normalised path, answered by it too.
    request.url = exchange.path + exchange.query;
    response.setHeader('x-request-id', exchange.requestId);
    response.setHeader('vary', 'Origin');
    response.setHeader('cache-control', 'no-store');
    const cors: string[] = [];
    around.cors.appendTo(cors, exchange.origin);
    for (let index = 0; index < cors.length; index += 2) response.setHeader(cors[index]!, cors[index + 1]!);
    if (exchange.setCookies.length > 0) response.setHeader('set-cookie', exchange.setCookies);
    const watched: Watched = {
      place: -1,
      checkDeadline: (nowMs) => {
        if (nowMs - exchange.startedAtMs >= DEADLINE_MS) response.destroy();
      },
    };
    around.deadlines.add(watched);
    exchange.runner = {
      responseClosed: () => {
        around.deadlines.remove(watched);
        // A refusal has said what it is.
        if (!exchange.client.isAnswered) exchange.status = 499;
        else if (exchange.errorCode === '') exchange.status = response.statusCode;
        exchange.bytesOut ||= Number(response.getHeader('content-length') ?? 0);
      },
    };
    if (exchange.expectsContinue) response.writeContinue();
    around.ownInterface(request, response);
  });
}
