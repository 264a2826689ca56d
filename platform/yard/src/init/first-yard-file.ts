/** The first `switchyard.yaml` of a folder: an entry for each program found in it, or an example that runs. */
import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { RESERVED_SERVICE_NAMES } from '@switchyard/contracts/yard-file';
import { folderContents, foundService } from './found-service.ts';
import type { FoundService } from './found-service.ts';

export interface ProposedService extends FoundService {
  readonly name: string;
  /** Relative to the yard file. */
  readonly dir: string;
}

const SKIPPED = new Set([
  'node_modules',
  'dist',
  'build',
  'target',
  'vendor',
  'venv',
  'env',
  '__pycache__',
  'coverage',
  'test',
  'tests',
  'e2e',
]);
const SERVICES_PROPOSED_MAX = 20;
const FOLDERS_READ_MAX = 500;
const DEPTH_MAX = 2;

/** Programs in `root` and up to two folders below; what is inside a program's folder belongs to it. */
export function proposeServices(root: string): ProposedService[] {
  const found: { dir: string; service: FoundService }[] = [];
  let foldersRead = 0;
  const visit = (dir: string, depth: number) => {
    if (foldersRead >= FOLDERS_READ_MAX || found.length >= SERVICES_PROPOSED_MAX) return;
    foldersRead += 1;
    let entries;
    try {
      entries = readdirSync(join(root, dir), { withFileTypes: true });
    } catch {
      return;
    }
    const contents = folderContents(
      join(root, dir),
      entries.map((entry) => entry.name),
    );
    const service = isWorkspaceRoot(contents.text('package.json')) ? null : foundService(contents);
    if (service !== null) {
      found.push({ dir, service });
      return;
    }
    if (depth === DEPTH_MAX) return;
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (!entry.isDirectory() || entry.name.startsWith('.') || SKIPPED.has(entry.name)) continue;
      visit(dir === '.' ? entry.name : `${dir}/${entry.name}`, depth + 1);
    }
  };
  visit('.', 0);
  const names = new Set<string>();
  return found.map(({ dir, service }) => ({
    ...service,
    dir,
    name: freeName(dir === '.' ? basename(root) : basename(dir), names),
  }));
}

const isWorkspaceRoot = (manifest: string): boolean => /"workspaces"\s*:/.test(manifest);

function freeName(written: string, names: Set<string>): string {
  const plain = written
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replace(/^[^a-z]+/, '')
    .slice(0, 30)
    .replace(/-+$/, '');
  const base = plain === '' ? 'web' : RESERVED_SERVICE_NAMES.includes(plain) ? `${plain}-service` : plain;
  let name = base;
  for (let count = 2; names.has(name); count += 1) name = `${base}-${count}`;
  names.add(name);
  return name;
}

const EXAMPLE_RUN = `node -e "require('node:http').createServer((question, answer) => answer.end('Hello from ' + process.env.INSTANCE_ID)).listen(process.env.PORT, process.env.HOST)"`;
const FRONT = /^(?:front|frontend|web|www|ui|site|client|app)$/;

/** The text of the file. `schema`: where editors find the JSON Schema; null leaves the reference out. */
export function firstYardFile(services: readonly ProposedService[], schema: string | null): string {
  const isExample = services.length === 0;
  const entries: readonly ProposedService[] = isExample
    ? [{ name: 'hello', dir: '.', because: 'an example; put your own in its place', run: EXAMPLE_RUN }]
    : services;
  const front = entries.find(({ name }) => FRONT.test(name)) ?? (entries.length === 1 ? entries[0] : undefined);
  return [
    ...(schema === null ? [] : [`# yaml-language-server: $schema=${schema}`]),
    '# What this yard runs. `yard check` judges this file, `yard up` runs it; the door is http://localhost:8000.',
    '# A service listens on ${HOST}:${PORT}, which it finds in its environment or gets filled into its command.',
    '',
    'services:',
    ...entries.flatMap((entry, index) => [
      ...(index === 0 ? [] : ['']),
      ...entryLines(entry, index, entry === front ? '/' : `/${entry.name}`),
    ]),
    '',
  ].join('\n');
}

function entryLines(service: ProposedService, index: number, route: string): string[] {
  // 3010 and 3020, 3011 and 3021 … 3019 and 3029, then 3030 and 3040 …
  const port = 3010 + Math.floor(index / 10) * 20 + (index % 10);
  return [
    `  ${service.name}: # ${service.because}`,
    ...(service.dir === '.' ? [] : [`    dir: ${plain(service.dir)}`]),
    ...(service.build === undefined ? [] : [`    build: ${plain(service.build)}`]),
    `    run: ${plain(service.run)}`,
    `    ports: [${port}, ${port + 10}]`,
    `    routes: [${route}]`,
    ...(service.health === undefined ? [] : [`    health: ${service.health}`]),
  ];
}

/** Bare where YAML reads it back as it is, else in single quotes. */
const plain = (text: string): string =>
  /^[A-Za-z0-9./][A-Za-z0-9 ./_=${}-]*$|^[A-Za-z0-9./][A-Za-z0-9 ./_=${}:-]*[A-Za-z0-9}]$/.test(text) &&
  !text.includes(': ')
    ? text
    : `'${text.replaceAll("'", "''")}'`;
