/** Nest's TCP server for request-response messages, made to continue traces, and to end without cutting an answer off. */
import type { Socket } from 'node:net';
import { ServerTCP } from '@nestjs/microservices';
import type { TcpContext } from '@nestjs/microservices';
import { InFlight } from '../in-flight.ts';
import { enterTrace, runInTrace } from '../trace.ts';

/** Largest message in characters; Nest's default is 128 MiB. */
const MESSAGE_MAX = 1_048_576;
/** Longest wait for the rest of a message. */
const REST_TIMEOUT_MS = 5_000;

export class MessageServer extends ServerTCP {
  private readonly inFlight = new InFlight();
  private readonly ends = new WeakMap<TcpContext, () => void>();
  private readonly sockets = new Set<Socket>();

  constructor(options: { host: string; port: number }) {
    super({ ...options, maxBufferSize: MESSAGE_MAX, incompleteMessageTimeout: REST_TIMEOUT_MS });
    // oxlint-disable-next-line typescript/no-misused-promises -- declared void, but what it returns is awaited
    this.setOnProcessingStartHook((_transport, context, done) => {
      this.ends.set(context as TcpContext, this.inFlight.begin());
      const metadata = (context as TcpContext).getMetadata() as Record<string, unknown> | undefined;
      const traceparent = metadata?.['traceparent'];
      const requestId = metadata?.['requestId'];
      return runInTrace(
        enterTrace(
          typeof traceparent === 'string' ? traceparent : undefined,
          typeof requestId === 'string' ? requestId.slice(0, 128) : undefined,
        ),
        done,
      );
    });
    this.setOnProcessingEndHook((_transport, context) => this.ends.get(context as TcpContext)?.());
    this.on(
      'connection' as never,
      ((socket: Socket) => {
        this.sockets.add(socket);
        socket.once('close', () => this.sockets.delete(socket));
      }) as never,
    );
  }

  /** The port it listens on. */
  get listeningPort(): number {
    return this.unwrap<{ address(): { port: number } }>().address().port;
  }

  /** Takes no new connection, and waits at most `timeoutMs` for the messages that are being answered. */
  async drained(timeoutMs: number): Promise<void> {
    this.unwrap<{ close(): void }>().close();
    await this.inFlight.ended(timeoutMs);
    await new Promise((resolve) => setImmediate(resolve)); // answers are written a tick after their handler's end
    for (const socket of this.sockets) socket.end();
  }
}
