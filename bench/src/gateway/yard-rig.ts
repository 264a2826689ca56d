/** A real registry and a real gateway, as the yard starts them, with instances registered and an access token to call with. */
import { createPrivateKey, sign } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { GatewaySettings } from '@switchyard/contracts/gateway-settings';
import { ACCESS_AUDIENCE, TOKEN_ISSUER } from '@switchyard/contracts/identity';
import type { RegistrationInput } from '@switchyard/contracts/registry';
import { ACCESS_TOKEN_SECONDS } from '@switchyard/contracts/session';
import { eventually, freePorts, REPOSITORY } from '@switchyard/e2e/yard-under-test';
import { answersOk, start, untilUp } from './started-process.ts';
import type { StartedProcess } from './started-process.ts';

/** As the yard starts the two. */
export const NODE_FLAGS = ['--max-semi-space-size=8'];
const LEASE_MS = 3_600_000;

export interface YardRigOptions {
  /** What switchyard.yaml has below `gateway`; absent: the defaults. */
  readonly settings?: Readonly<Record<string, unknown>> & Partial<Record<keyof GatewaySettings, unknown>>;
  /** `info` writes the access log, to a file; default: `warn`. */
  readonly logLevel?: 'info' | 'warn';
  /** Cores of the gateway, such as `1`; absent: all. */
  readonly gatewayCores?: string;
  readonly registryCores?: string;
  /** Beyond what the rig sets, such as CORS_ORIGINS. */
  readonly gatewayEnv?: Readonly<Record<string, string>>;
  /** Entry of the gateway, for another composition of it; default: platform/gateway/dist/main.js. */
  readonly gatewayMain?: string;
}

export interface YardRig {
  /** `http://127.0.0.1:PORT`, the gateway's. */
  readonly origin: string;
  readonly port: number;
  readonly adminPort: number;
  readonly registryUrl: string;
  /** Temporary; removed by `stop`. The gateway writes to `gateway.log` in it. */
  readonly folder: string;
  readonly gateway: StartedProcess;
  readonly registry: StartedProcess;
  /** Makes the instance known, or renews it; the first of a service makes it live. Resolves when the gateway routes to it. */
  register(instanceId: string, registration: RegistrationInput): Promise<void>;
  remove(instanceId: string): Promise<void>;
  /** For `Authorization: Bearer`; good for 10 minutes. */
  accessToken(): Promise<string>;
  stop(): Promise<void>;
}

export async function startYardRig(options: YardRigOptions = {}): Promise<YardRig> {
  const folder = await mkdtemp(path.join(tmpdir(), 'yard-rig-'));
  const keysFolder = path.join(folder, 'keys');
  await mkdir(keysFolder, { mode: 0o700 });
  const [registryPort, port, adminPort] = (await freePorts(3)) as [number, number, number];
  const registryUrl = `http://127.0.0.1:${registryPort}`;
  const started: StartedProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const one of started.toReversed()) await one.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const startNode = async (
    name: string,
    main: string,
    env: Readonly<Record<string, string>>,
    cores: string | undefined,
    healthUrl: string,
  ): Promise<StartedProcess> => {
    const outputFile = path.join(folder, `${name}.log`);
    const command = [process.execPath, ...NODE_FLAGS, main] as const;
    const one = start({ name, command, env, cwd: folder, outputFile, ...(cores === undefined ? {} : { cores }) });
    started.push(one);
    return untilUp(one, outputFile, () => answersOk(healthUrl));
  };
  try {
    const registry = await startNode(
      'registry',
      path.join(REPOSITORY, 'platform/registry/dist/main.js'),
      {
        PORT: String(registryPort),
        STATE_DIR: path.join(folder, 'registry'),
        KEYS_DIR: keysFolder,
        OPERATOR_TOKEN_FILE: path.join(folder, 'operator.token'),
        LOG_LEVEL: 'warn',
      },
      options.registryCores,
      `${registryUrl}/health/live`,
    );
    const gateway = await startNode(
      'gateway',
      options.gatewayMain ?? path.join(REPOSITORY, 'platform/gateway/dist/main.js'),
      {
        HOST: '127.0.0.1',
        PORT: String(port),
        ADMIN_PORT: String(adminPort),
        INSTANCE_ID: 'gateway-1',
        SERVICE_TOKEN: 'unused: nothing is declared here',
        REGISTRY_URL: registryUrl,
        KEYS_DIR: keysFolder,
        LOG_LEVEL: options.logLevel ?? 'warn',
        GATEWAY_SETTINGS: JSON.stringify(options.settings ?? {}),
        ...options.gatewayEnv,
      },
      options.gatewayCores,
      `http://127.0.0.1:${port}/-/live`,
    );
    return {
      origin: `http://127.0.0.1:${port}`,
      port,
      adminPort,
      registryUrl,
      folder,
      gateway,
      registry,
      register: async (instanceId, registration) => {
        await ask(`${registryUrl}/v1/instances/${instanceId}`, 'PUT', { leaseMs: LEASE_MS, ...registration });
        await eventually(`the gateway routes to ${instanceId}`, () => isRouted(adminPort, instanceId));
      },
      remove: (instanceId) => ask(`${registryUrl}/v1/instances/${instanceId}`, 'DELETE'),
      accessToken: () => mintAccessToken(keysFolder),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ask(url: string, method: 'PUT' | 'DELETE', body?: unknown): Promise<void> {
  const answer = await fetch(url, {
    method,
    signal: AbortSignal.timeout(5_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const said = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${url} was answered ${answer.status}: ${said}`);
}

async function isRouted(adminPort: number, instanceId: string): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/in-flight`, { signal: AbortSignal.timeout(2_000) });
  return (await answer.text()).includes(`"${instanceId}"`);
}

/** Signed with the key that the gateway made at its start, as its own are. */
async function mintAccessToken(keysFolder: string): Promise<string> {
  const name = (await readdir(keysFolder)).find((file) => /^gateway-.*\.private\.jwk\.json$/.test(file));
  if (name === undefined) throw new Error(`no signing key of the gateway in ${keysFolder}`);
  const jwk = JSON.parse(await readFile(path.join(keysFolder, name), 'utf8')) as Record<string, string>;
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: TOKEN_ISSUER,
    aud: ACCESS_AUDIENCE,
    sub: '0199aaaa-0000-7000-8000-000000000001',
    sid: '0199aaaa-0000-7000-8000-000000000002',
    handle: 'ada',
    name: 'Ada Lovelace',
    iat: now,
    exp: now + ACCESS_TOKEN_SECONDS,
  };
  const signed = [{ alg: 'EdDSA', kid: jwk['kid'] }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', x: jwk['x']!, d: jwk['d']! }, format: 'jwk' });
  return `${signed}.${sign(null, Buffer.from(signed), key).toString('base64url')}`;
}
