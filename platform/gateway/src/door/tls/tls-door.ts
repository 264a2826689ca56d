/** The door for HTTPS: finishes handshakes, and hands each connection to who speaks its protocol. */
import { createServer } from 'node:tls';
import type { SecureContextOptions, Server, TLSSocket } from 'node:tls';
import type { Socket } from 'node:net';
import { listenOn, portOf } from '@switchyard/kit/http/server';
import type { CertificatePair } from '@switchyard/kit/tls/certificate-pair';
import { listenOnInherited } from '../../handover/inherited-sockets.ts';

/**
 * TLS 1.2 with what HTTP/2 allows (RFC 9113 section 9.2.2: ephemeral keys, authenticated encryption), and all of TLS 1.3.
 */
const CIPHERS = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
].join(':');
const HANDSHAKE_MS = 10_000;

export interface TlsDoorOptions {
  readonly pair: CertificatePair;
  /** 48 bytes; whoever has the same ones resumes the sessions of the other. */
  readonly ticketKeys: Buffer;
  readonly port: number;
  readonly connectionsMax: number;
  /** Its handshake is done. It may be paused. */
  readonly onConnection: (socket: TLSSocket) => void;
}

export class TlsDoor {
  readonly server: Server;
  private readonly port: number;
  private readonly ticketKeys: Buffer;
  private readonly arrived = new Set<Socket>();
  private secured = 0;

  constructor(options: TlsDoorOptions) {
    this.port = options.port;
    this.ticketKeys = options.ticketKeys;
    this.server = createServer({
      ...this.contextOf(options.pair),
      // Who asks for neither is refused in the handshake; who asks for nothing speaks HTTP/1.1.
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: HANDSHAKE_MS,
      allowHalfOpen: true,
      noDelay: true,
    });
    this.server.maxConnections = options.connectionsMax;
    this.server.on('connection', (socket: Socket) => {
      this.arrived.add(socket);
      socket.once('close', () => this.arrived.delete(socket));
    });
    this.server.on('secureConnection', (socket) => {
      this.secured += 1;
      socket.once('close', () => {
        this.secured -= 1;
      });
      options.onConnection(socket);
    });
    this.server.on('tlsClientError', (_error, socket) => socket.destroy());
  }

  /** On a socket that listens already, unless that is at another port than this gateway has been told. */
  async listen(inherited: number | null, host: string): Promise<void> {
    const { server, port } = this;
    if (inherited !== null) {
      await listenOnInherited(server, inherited);
      if (portOf(server) === port) return;
      await new Promise((resolve) => server.close(resolve));
    }
    await listenOn(server, { host, port });
  }

  /** Connections whose handshake is under way. */
  get arriving(): number {
    return Math.max(0, this.arrived.size - this.secured);
  }

  /** To connections from now on; those that there are keep what they were shown. */
  present(pair: CertificatePair): void {
    this.server.setSecureContext(this.contextOf(pair));
  }

  /** Nothing is left of those that have not got in. */
  cut(): void {
    for (const socket of this.arrived) socket.destroy();
  }

  private contextOf({ certificatePem, keyPem }: CertificatePair): SecureContextOptions & { ticketKeys: Buffer } {
    return {
      cert: certificatePem,
      key: keyPem,
      ciphers: CIPHERS,
      honorCipherOrder: true,
      minVersion: 'TLSv1.2',
      sessionIdContext: 'switchyard',
      ticketKeys: this.ticketKeys,
    };
  }
}
