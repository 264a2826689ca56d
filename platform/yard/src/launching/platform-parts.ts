/** What the registry and the gateway are run from: they are deployments like any service, made of the packages of this platform. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { certificateFiles } from '../yard-file/certificate-check.ts';
import type { ReleaseEntry } from '../releases/release.ts';
import type { YardFolder } from '../yard-folder.ts';
import type { BuildSource } from './prepare-release.ts';

/** A young generation of 8 MiB instead of V8's own choice keeps the two some tens of MiB smaller under load (decisions/0034). */
const SHARED = {
  run: 'node --max-semi-space-size=8 dist/main.js',
  instances: 1,
  startTimeoutMs: 30_000,
  stopGraceMs: 10_000,
};

export function registrySource(yard: YardFile, folder: YardFolder): BuildSource {
  const { port } = yard.registry;
  // Live, not ready: it is ready once services have come back to it, and they are started after it.
  return source('registry', folder, { ...SHARED, env: {}, ports: [port, port], health: '/health/live' });
}

export function gatewaySource(yard: YardFile, folder: YardFolder): BuildSource {
  const { port, adminPort, host, cors, sessions, settings } = yard.gateway;
  const files = certificateFiles(yard, folder.root);
  const { tls } = settings;
  const env = {
    HOST: host,
    ADMIN_PORT: String(adminPort),
    CORS_ORIGINS: cors.origins.join(','),
    SESSIONS_SERVICE: sessions,
    GATEWAY_SETTINGS: JSON.stringify({ ...settings, tls: tls && { ...tls, ...files } }),
  };
  return source('gateway', folder, { ...SHARED, env, ports: [port, port], health: '/-/live' });
}

function source(service: 'registry' | 'gateway', folder: YardFolder, entry: ReleaseEntry): BuildSource {
  const main = fileURLToPath(import.meta.resolve(`@switchyard/${service}/main`));
  return { service, dir: packageFolder(main), within: folder.root, build: undefined, entry };
}

function packageFolder(file: string): string {
  for (let folder = dirname(file); dirname(folder) !== folder; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
  }
  throw new Error(`${file} belongs to no package`);
}
