/** For tests: the registry as a process of its own, in a temporary folder, on a free port that it keeps through restarts. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { SERVICE_AUDIENCE, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import { RegistryClient } from '@switchyard/kit/registry/client';
import { exportJWK, SignJWT } from 'jose';

const MAIN = path.resolve(import.meta.dirname, '../main.js');
const START_TIMEOUT_MS = 15_000;
export const OPERATOR_TOKEN = 'the-operators-token-of-this-test';

export class RegistryProcess {
  readonly folder: string;
  readonly port: number;
  private readonly privateKey: Parameters<SignJWT['sign']>[0];
  private readonly environment: Record<string, string>;
  private child: ChildProcess | null = null;
  private output = '';

  private constructor(
    folder: string,
    port: number,
    privateKey: Parameters<SignJWT['sign']>[0],
    environment: Record<string, string>,
  ) {
    this.folder = folder;
    this.port = port;
    this.privateKey = privateKey;
    this.environment = environment;
  }

  /** Started; stopped and removed when the test ends. */
  static async start(t: TestContext, environment: Record<string, string> = {}): Promise<RegistryProcess> {
    const folder = await mkdtemp(path.join(tmpdir(), 'registry-process-'));
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    await mkdir(path.join(folder, 'keys'));
    const jwk = { ...(await exportJWK(publicKey)), kid: 'services', alg: 'EdDSA', use: 'sig' };
    await writeFile(path.join(folder, 'keys', 'services.public.jwk.json'), JSON.stringify(jwk));
    await writeFile(path.join(folder, 'operator.token'), `${OPERATOR_TOKEN}\n`);
    const registry = new RegistryProcess(folder, await freePort(), privateKey, environment);
    t.after(async () => {
      await registry.kill('SIGKILL');
      await rm(folder, { recursive: true, force: true });
    });
    await registry.start();
    return registry;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get stateFolder(): string {
    return path.join(this.folder, 'state');
  }

  /** What it wrote to its output since the last start. */
  get log(): string {
    return this.output;
  }

  get operator(): RegistryClient {
    return new RegistryClient({ url: this.url, token: OPERATOR_TOKEN });
  }

  get anybody(): RegistryClient {
    return new RegistryClient({ url: this.url });
  }

  /** A SERVICE_TOKEN as the yard makes them. */
  tokenOf(service: string): Promise<string> {
    return new SignJWT({})
      .setProtectedHeader({ alg: 'EdDSA', kid: 'services' })
      .setIssuer(TOKEN_ISSUER)
      .setAudience(SERVICE_AUDIENCE)
      .setSubject(service)
      .setIssuedAt()
      .sign(this.privateKey);
  }

  /** Resolves when it listens; rejects with its output when it exits instead. */
  async start(): Promise<void> {
    this.output = '';
    const child = spawn(process.execPath, [MAIN], {
      env: {
        PORT: String(this.port),
        STATE_DIR: this.stateFolder,
        KEYS_DIR: path.join(this.folder, 'keys'),
        OPERATOR_TOKEN_FILE: path.join(this.folder, 'operator.token'),
        ...this.environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not ready in time: ${this.output}`)), START_TIMEOUT_MS);
      const take = (chunk: Buffer): void => {
        this.output += chunk.toString();
        if (!this.output.includes('"message":"ready"')) return;
        clearTimeout(timer);
        resolve();
      };
      child.stdout.on('data', take);
      child.stderr.on('data', take);
      child.once('close', (code) => {
        clearTimeout(timer);
        reject(new Error(`exited with ${code}: ${this.output}`));
      });
    });
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
  }

  request(path: string, init: RequestInit = {}): Promise<Response> {
    return fetch(`${this.url}${path}`, init);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
