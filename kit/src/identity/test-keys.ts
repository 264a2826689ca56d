/** A signing key for tests, served as a key set: makes the tokens that the gateway and the yard make in a running yard. */
import { generateKeyPairSync, sign } from 'node:crypto';
import type { Server } from 'node:http';
import { SERVICE_AUDIENCE, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import type { Identity } from '@switchyard/contracts/identity';
import { closeServer, listen, portOf } from '../http/server.ts';
import { uuidv7 } from '../ids.ts';

const IDENTITY_SECONDS = 60;

export class TestKeys {
  private readonly pair = generateKeyPairSync('ed25519');
  private readonly audience: string;
  private server: Server | null = null;

  /** `audience`: name of the service that identity tokens are for. */
  constructor(audience: string) {
    this.audience = audience;
  }

  /** Serves the public key on a free port; the URL for GATEWAY_JWKS_URL. */
  async serve(): Promise<string> {
    const key = { ...this.pair.publicKey.export({ format: 'jwk' }), kid: 'test', alg: 'EdDSA', use: 'sig' };
    const answer = JSON.stringify({ keys: [key] });
    this.server = await listen(
      (_request, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(answer),
      { host: '127.0.0.1', port: 0 },
    );
    return `http://127.0.0.1:${portOf(this.server)}/`;
  }

  /** Any claims; issuer and time are added where they are not given. */
  token(claims: object): string {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const signed = `${part({ alg: 'EdDSA', kid: 'test' })}.${part({ iss: TOKEN_ISSUER, iat: nowSeconds(), ...claims })}`;
    return `${signed}.${sign(null, Buffer.from(signed), this.pair.privateKey).toString('base64url')}`;
  }

  /** As the gateway says who asks. */
  identity({ id, handle, name }: Identity, sessionId: string = uuidv7()): string {
    return this.token({
      aud: this.audience,
      sub: id,
      sid: sessionId,
      handle,
      name,
      exp: nowSeconds() + IDENTITY_SECONDS,
    });
  }

  /** A SERVICE_TOKEN. */
  service(name: string): string {
    return this.token({ aud: SERVICE_AUDIENCE, sub: name });
  }

  async close(): Promise<void> {
    if (this.server !== null) await closeServer(this.server, 100);
  }
}

const nowSeconds = (): number => Math.floor(Date.now() / 1_000);
