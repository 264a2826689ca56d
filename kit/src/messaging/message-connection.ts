/** One connection to one instance, over Nest's ClientTCP, with the deadlines and the end that it lacks. */
import { ClientTCP } from '@nestjs/microservices';
import { InFlight } from '../in-flight.ts';
import { currentTrace, formatTraceparent } from '../trace.ts';

/** Nothing was sent yet, so another instance may be asked. */
export class NotConnected extends Error {
  constructor(cause: unknown) {
    super(`not connected: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'NotConnected';
  }
}

export class MessageConnection {
  private readonly client: ClientTCP;
  private readonly inFlight = new InFlight();
  isClosed = false;

  constructor(host: string, port: number) {
    this.client = new ClientTCP({ host, port });
    this.client.setOnDispatchHook((packet) => {
      const trace = currentTrace();
      if (trace !== undefined) packet.metadata = { traceparent: formatTraceparent(trace), requestId: trace.requestId };
    });
    // a socket whose connection breaks is not dialled again: the registry may know better by then
    this.client.on(
      'close' as never,
      (() => {
        this.isClosed = true;
      }) as never,
    );
  }

  /** Dials with the first call; all calls wait for the same connection. @throws NotConnected; the signal's reason */
  async connected(signal: AbortSignal): Promise<void> {
    const dialled = this.client.connect().catch((error: unknown) => {
      this.isClosed = true;
      throw new NotConnected(error);
    });
    await Promise.race([dialled, abortOf(signal)]);
  }

  /** @throws what the other side answered as an error; Error 'Connection closed'; the signal's reason */
  async ask(pattern: string, payload: unknown, signal: AbortSignal): Promise<unknown> {
    const end = this.inFlight.begin();
    try {
      return await new Promise((resolve, reject) => {
        let answer: unknown;
        const asked = this.client.send<unknown>(pattern, payload).subscribe({
          next: (value) => (answer = value),
          error: reject,
          complete: () => resolve(answer),
        });
        const give = () => {
          asked.unsubscribe();
          reject(signal.reason as Error);
        };
        if (signal.aborted) give();
        else signal.addEventListener('abort', give, { once: true });
      });
    } finally {
      end();
    }
  }

  /** Closes after the last answer, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    await this.inFlight.ended(timeoutMs);
    this.isClosed = true;
    this.client.close();
  }
}

function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    else signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
