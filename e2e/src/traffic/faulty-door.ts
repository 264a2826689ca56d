/** A gateway that is wrong on purpose, and knows how often: it stands before a probe and does to a request what it is told to. */
import { createServer, request } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/**
 * reset: the connection is reset before the request goes anywhere. unanswered: reset after the service has done it. twice: sent to the
 * service twice. pretended: answered as if it had been done. refused: 502. truncated: half of the answer, then the connection ends.
 * altered: another answer of the same length. elsewhere: answered by the other probe. restarted: an event stream loses its Last-Event-ID.
 * ended, cut: an event stream ends so, or breaks so, after its first bytes. sent-away, dropped: a WebSocket gets 1012 after its
 * first bytes, or is reset.
 */
export type DoorFault =
  | 'reset'
  | 'unanswered'
  | 'twice'
  | 'pretended'
  | 'refused'
  | 'truncated'
  | 'altered'
  | 'elsewhere'
  | 'restarted'
  | 'ended'
  | 'cut'
  | 'sent-away'
  | 'dropped';

export interface FaultyDoorOptions {
  readonly port: number;
  /** For `elsewhere`. */
  readonly otherPort?: number;
  /** `at`: last part of the path; `n`: how many came at this path before. */
  readonly fault: (at: string, n: number) => DoorFault | null;
}

const CLOSE_1012 = Buffer.from([0x88, 0x02, 0x03, 0xf4]);

export class FaultyDoor {
  /** How often each fault was done. */
  readonly done = new Map<DoorFault, number>();
  /** Requests that came, by the last part of their path. */
  readonly came = new Map<string, number>();
  private readonly options: FaultyDoorOptions;
  private readonly server: Server;

  private constructor(options: FaultyDoorOptions) {
    this.options = options;
    this.server = createServer((incoming, response) => this.serve(incoming, response));
    this.server.on('upgrade', (incoming: IncomingMessage, socket: Duplex) => this.tunnel(incoming, socket as Socket));
  }

  static async open(options: FaultyDoorOptions): Promise<FaultyDoor> {
    const door = new FaultyDoor(options);
    await new Promise<void>((resolve) => door.server.listen(0, '127.0.0.1', resolve));
    return door;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private faultOf(incoming: IncomingMessage): DoorFault | null {
    const at = /\/([a-z]+)(?:\?|$)/.exec(incoming.url!)?.[1] ?? '';
    const n = this.came.get(at) ?? 0;
    this.came.set(at, n + 1);
    const fault = this.options.fault(at, n);
    if (fault !== null) this.done.set(fault, (this.done.get(fault) ?? 0) + 1);
    return fault;
  }

  private serve(incoming: IncomingMessage, response: ServerResponse): void {
    const fault = this.faultOf(incoming);
    if (fault === 'reset') return void incoming.socket.resetAndDestroy();
    const body: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => body.push(chunk));
    incoming.on('error', () => undefined);
    incoming.once('end', () => {
      const whole = Buffer.concat(body);
      if (fault === 'refused') return void response.writeHead(502).end('{"code":"DOOR_REFUSED"}');
      if (fault === 'pretended') {
        const n = (JSON.parse(whole.toString()) as { id: string }).id;
        return void response
          .writeHead(201, { 'x-deployment': 'probe-2' })
          .end(JSON.stringify({ n, deployment: 'probe-2' }));
      }
      if (fault === 'twice')
        this.ask(incoming, whole, (first) => {
          first.resume();
          first.once('end', () => this.ask(incoming, whole, (second) => this.relay(second, response, null)));
        });
      else this.ask(incoming, whole, (answer) => this.relay(answer, response, fault), fault);
    });
  }

  private ask(
    incoming: IncomingMessage,
    body: Buffer,
    answered: (answer: IncomingMessage) => void,
    fault: DoorFault | null = null,
  ): void {
    const headers = { ...incoming.headers };
    delete headers['transfer-encoding'];
    if (fault === 'restarted') delete headers['last-event-id'];
    const asked = request({
      hostname: '127.0.0.1',
      port: fault === 'elsewhere' ? this.options.otherPort! : this.options.port,
      method: incoming.method!,
      path: incoming.url!,
      headers: { ...headers, 'content-length': String(body.length), connection: 'close' },
      agent: false,
    });
    const giveUp = () => asked.destroy();
    incoming.socket.once('close', giveUp);
    asked
      .once('response', answered)
      .once('close', () => incoming.socket.off('close', giveUp))
      .on('error', () => incoming.socket.destroy());
    asked.end(body);
  }

  private relay(answer: IncomingMessage, response: ServerResponse, fault: DoorFault | null): void {
    const { socket } = response;
    if (fault === 'unanswered') {
      answer.resume();
      return void answer.once('end', () => socket!.resetAndDestroy());
    }
    delete answer.headers.connection;
    response.writeHead(answer.statusCode!, answer.headers);
    answer.on('error', () => socket?.destroy());
    switch (fault) {
      case 'truncated':
      case 'cut':
        return void answer.once('data', (chunk: Buffer) => {
          response.write(chunk.subarray(0, Math.ceil(chunk.length / 2)), () => socket!.destroySoon());
          answer.pause();
        });
      case 'ended':
        return void answer.once('data', (chunk: Buffer) => {
          response.end(chunk);
          answer.destroy();
        });
      case 'altered':
        return void answer.once('data', (chunk: Buffer) =>
          response.end(chunk.toString().replaceAll(/[0-9a-f]"/g, 'z"')),
        );
      default:
        answer.pipe(response);
    }
  }

  private tunnel(incoming: IncomingMessage, client: Socket): void {
    const fault = this.faultOf(incoming);
    const service = connect(this.options.port, '127.0.0.1');
    const head = incoming.rawHeaders.map((part, index) => (index % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join('');
    service.write(`GET ${incoming.url!} HTTP/1.1\r\n${head}\r\n`);
    client.on('error', () => service.destroy()).on('close', () => service.destroy());
    service.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(service);
    if (fault === null) return void service.pipe(client);
    // The handshake first, then the first message: that one is not passed on.
    service.once('data', (handshake: Buffer) => {
      client.write(handshake);
      service.once('data', () => {
        if (fault === 'sent-away') client.end(CLOSE_1012);
        else client.resetAndDestroy();
      });
    });
  }
}
