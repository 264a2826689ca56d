/** What a service is run from, and the variables that every part of a yard is given. */
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';
import type { DeclarationsInput } from '@switchyard/contracts/registry';
import type { YardFile } from '@switchyard/contracts/yard-file';
import type { ServiceKeys } from '../keys/service-keys.ts';
import { releaseEntryOf } from '../releases/release.ts';
import type { YardFolder } from '../yard-folder.ts';
import type { Variables } from './command-line.ts';
import type { InstanceIdentity } from '../keeping/part-keeper.ts';
import type { BuildSource } from './prepare-release.ts';

export function serviceSource(yard: YardFile, folder: YardFolder, service: string): BuildSource {
  const declaration = yard.services[service]!;
  const { postgres, health, migrate, contract, ...rest } = declaration;
  return {
    service,
    dir: resolve(folder.root, declaration.dir),
    within: folder.root,
    build: declaration.build,
    entry: releaseEntryOf({
      ...rest,
      ...(health === undefined ? {} : { health }),
      ...(postgres === undefined ? {} : { postgres }),
      ...(migrate === undefined ? {} : { migrate }),
      ...(contract === undefined ? {} : { contract }),
    }),
  };
}

/** What the registry is told of services. One that runs keeps its place until the yard is started anew without it. */
export function declarationsOf(yard: YardFile, services: Iterable<string>): DeclarationsInput {
  return {
    services: Object.fromEntries(Array.from(services, (name) => [name, { routes: yard.services[name]?.routes ?? [] }])),
  };
}

export const registryUrl = (yard: YardFile): string => `http://127.0.0.1:${yard.registry.port}`;

/** Address for people on this machine. */
export function publicUrl(yard: YardFile): string {
  const { tls } = yard.gateway.settings;
  return tls === undefined ? gatewayUrl(yard) : `https://localhost:${tls.port}`;
}

/** Address for services and for the yard itself: what they ask there is answered without TLS too. */
export const gatewayUrl = (yard: YardFile, host = 'localhost'): string => `http://${host}:${yard.gateway.port}`;

export interface GivenParts {
  readonly yard: YardFile;
  readonly folder: YardFolder;
  readonly keys: ServiceKeys;
  readonly now: () => Date;
}

/** What every process of the yard is told: who it is, and where the others are. */
async function shared(parts: GivenParts, name: string, identity: InstanceIdentity): Promise<Record<string, string>> {
  return {
    HOST: '127.0.0.1',
    ...(identity.ports['http'] === undefined ? {} : { PORT: String(identity.ports['http']) }),
    SERVICE_NAME: name,
    DEPLOYMENT_ID: identity.deployment,
    INSTANCE_ID: identity.id,
    SERVICE_TOKEN: await parts.keys.tokenFor(name, parts.now()),
    REGISTRY_URL: registryUrl(parts.yard),
  };
}

export async function givenToRegistry(parts: GivenParts, identity: InstanceIdentity): Promise<Variables> {
  const { SERVICE_TOKEN: _token, REGISTRY_URL: _url, ...rest } = await shared(parts, 'registry', identity);
  const { registry, keys, operatorToken } = parts.folder;
  return { ...rest, STATE_DIR: registry, KEYS_DIR: keys, OPERATOR_TOKEN_FILE: operatorToken };
}

/** The gateway knows the operator's token when it sees it, and could not say it. */
export async function givenToGateway(
  parts: GivenParts,
  identity: InstanceIdentity,
  operatorToken: string,
): Promise<Variables> {
  return {
    ...(await shared(parts, 'gateway', identity)),
    // For itself alone: who answers at the door's port cannot be told while it is handed on.
    ...(identity.ports['tcp'] === undefined ? {} : { TCP_PORT: String(identity.ports['tcp']) }),
    SUCCESSOR_FILE: join(parts.folder.instances, `${identity.id}.successor`),
    KEYS_DIR: parts.folder.keys,
    OPERATOR_TOKEN_SHA256: createHash('sha256').update(operatorToken).digest('hex'),
  };
}

export async function givenToService(
  parts: GivenParts,
  identity: InstanceIdentity & { readonly service: string },
  more: { readonly databaseUrl: string | undefined; readonly brokerUrl: string | undefined },
): Promise<Variables> {
  return {
    ...(await shared(parts, identity.service, identity)),
    ...(identity.ports['tcp'] === undefined ? {} : { TCP_PORT: String(identity.ports['tcp']) }),
    // By number: "localhost" may mean ::1 first, where the gateway does not listen.
    GATEWAY_JWKS_URL: `${gatewayUrl(parts.yard, gatewayHost(parts.yard))}/.well-known/jwks.json`,
    ...(more.databaseUrl === undefined ? {} : { DATABASE_URL: more.databaseUrl }),
    ...(more.brokerUrl === undefined || more.brokerUrl === '' ? {} : { BROKER_URL: more.brokerUrl }),
  };
}

/** Address at which the gateway is reached from this machine. */
function gatewayHost(yard: YardFile): string {
  const { host } = yard.gateway;
  if (host === '0.0.0.0' || host === '::' || host === 'localhost') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
