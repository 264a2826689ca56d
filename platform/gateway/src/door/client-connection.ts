/** What the gateway knows about one client connection, kept on its socket. */
import type { Socket } from 'node:net';

const CONNECTION = Symbol('client connection');

/** How long bytes that nobody will answer are still read, so that the last answer is not lost in a reset (RFC 9112 section 9.6). */
const LINGER_MS = 2_000;

export class ClientConnection {
  /** The peer's address; IPv4 in its own notation even on an IPv6 socket. */
  readonly address: string;
  /** Whether it came by TLS. */
  readonly isSecure: boolean;
  /** Its last answer is on its way: nothing that arrives after it is a request any more. */
  isClosing = false;
  /** Requests whose answer has not ended. */
  running = 0;
  /** What services are told of it, for the host that it asked for last; kept by who tells them. */
  forwarded: { readonly host: string; readonly lines: string } | null = null;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    this.isSecure = 'encrypted' in socket && socket.encrypted === true;
    const address = socket.remoteAddress ?? '0.0.0.0';
    this.address = address.startsWith('::ffff:') ? address.slice(7) : address;
  }

  /** Whether nothing is being answered on it, and something may be. */
  get isIdle(): boolean {
    return this.running === 0 && !this.isClosing;
  }

  get scheme(): 'http' | 'https' {
    return this.isSecure ? 'https' : 'http';
  }

  /** Nothing more will be asked on it: it ends as politely as its protocol knows. */
  end = (): void => {
    this.closeAfterAnswer();
    this.socket.destroySoon();
  };

  /** After the answer that is being written, the connection ends: politely, reading for a while what the client still sends. */
  closeAfterAnswer(): void {
    if (this.isClosing) return;
    this.isClosing = true;
    this.socket.destroySoon = lingeringClose;
  }
}

/** In place of Socket.destroySoon, which cuts the connection under the client's unfinished body and so resets the answer away. */
function lingeringClose(this: Socket): void {
  if (this.destroyed) return;
  this.end();
  this.resume();
  const cut = setTimeout(() => this.destroy(), LINGER_MS);
  this.once('end', () => this.destroy());
  this.once('close', () => clearTimeout(cut));
}

type Carrier = Socket & { [CONNECTION]?: ClientConnection };

export function connectionOf(socket: Socket): ClientConnection {
  const carrier = socket as Carrier;
  return (carrier[CONNECTION] ??= new ClientConnection(socket));
}
