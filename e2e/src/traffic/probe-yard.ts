/** A small yard for tests of swaps: registry, gateway and probes alone, in a temporary folder, on free ports. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { freePorts, REPOSITORY, run } from '../yard-under-test.ts';
import type { CommandResult, Status } from '../yard-under-test.ts';
import { declareProbe, writeProbe } from './probe-files.ts';
import type { ProbeLanguage, ProbeSettings } from './probe-files.ts';

export interface ProbeYardOptions {
  /** Services by name, each below `/{name}`; default `{ probe: 'node' }`. */
  readonly probes?: Readonly<Record<string, ProbeLanguage>>;
  /** Further keys of each service in switchyard.yaml, such as `{ bake: '2s', stopGrace: '1s' }`. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Where its folder is made; default: where temporary files are. */
  readonly within?: string;
}

interface ProbeYardFile {
  readonly services: Record<string, Record<string, unknown> & { readonly ports: readonly [number, number] }>;
}

export class ProbeYard {
  readonly folder: string;
  readonly origin: string;
  readonly registryOrigin: string;
  readonly adminOrigin: string;
  private readonly languages: Readonly<Record<string, ProbeLanguage>>;

  private constructor(folder: string, ports: readonly number[], languages: Readonly<Record<string, ProbeLanguage>>) {
    this.folder = folder;
    this.languages = languages;
    [this.registryOrigin, this.origin, this.adminOrigin] = ports.map((port) => `http://127.0.0.1:${port}`) as [
      string,
      string,
      string,
    ];
  }

  /** Writes the folder; nothing runs yet. */
  static async create(options: ProbeYardOptions = {}): Promise<ProbeYard> {
    const languages = options.probes ?? { probe: 'node' };
    const folder = await mkdtemp(path.join(options.within ?? tmpdir(), 'probe-yard-'));
    const names = Object.keys(languages);
    const ports = await freePorts(3 + names.length * 2);
    const [registry, gateway, adminPort] = ports;
    const yard = new ProbeYard(folder, ports.slice(0, 3), languages);
    const services: Record<string, unknown> = {};
    for (const [index, name] of names.entries()) {
      await yard.write(name, {});
      services[name] = declareProbe({
        dir: name,
        ports: [ports[3 + index * 2]!, ports[4 + index * 2]!],
        prefix: `/${name}`,
        countsFile: yard.countsFile(name),
        language: languages[name]!,
        ...(options.more === undefined ? {} : { more: options.more }),
      });
    }
    await writeFile(
      path.join(folder, 'switchyard.yaml'),
      stringify({ registry: { port: registry }, gateway: { port: gateway, adminPort }, services }),
    );
    return yard;
  }

  /** How the next deployment of this service behaves. */
  write(service: string, settings: ProbeSettings): Promise<void> {
    return writeProbe(path.join(this.folder, service), settings, this.languages[service]);
  }

  /** Sets these keys of a service in switchyard.yaml, removes those that are null, and answers what they were: fit for another call. */
  async declare(service: string, keys: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    const file = await this.file();
    const entry = file.services[service]!;
    const before = Object.fromEntries(Object.keys(keys).map((key) => [key, entry[key] ?? null]));
    const merged = Object.entries({ ...entry, ...keys }).filter(([, value]) => value !== null);
    const services = { ...file.services, [service]: Object.fromEntries(merged) };
    await writeFile(path.join(this.folder, 'switchyard.yaml'), stringify({ ...file, services }));
    return before;
  }

  /** The ports of both sides. */
  async portsOf(service: string): Promise<readonly [number, number]> {
    return (await this.file()).services[service]!.ports;
  }

  /** Where the deployments of this service write the posts that they did. */
  countsFile(service: string): string {
    return path.join(this.folder, `${service}.counts.log`);
  }

  /** `yard up -d`. */
  async up(): Promise<void> {
    const { code, stdout, stderr } = await this.yard('up', '-d');
    if (code !== 0) throw new Error(`yard up ended with ${code}:\n${stdout}${stderr}`);
  }

  /** Runs `yard …` in the folder to its end. */
  yard(...words: string[]): Promise<CommandResult> {
    return run(process.execPath, [path.join(REPOSITORY, 'bin/yard.js'), ...words], this.folder);
  }

  /** As the registry and previews ask for it. */
  async operatorToken(): Promise<string> {
    return (await readFile(path.join(this.folder, '.yard/operator.token'), 'utf8')).trim();
  }

  async status(): Promise<Status> {
    const { code, stdout, stderr } = await this.yard('status', '--json');
    if (code !== 0) throw new Error(`yard status ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as Status;
  }

  /** Stops everything and removes the folder. */
  async remove(): Promise<void> {
    const { code, stdout, stderr } = await this.yard('down');
    if (code !== 0) throw new Error(`yard down ended with ${code}:\n${stdout}${stderr}`);
    await rm(this.folder, { recursive: true, force: true });
  }

  private async file(): Promise<ProbeYardFile> {
    return parse(await readFile(path.join(this.folder, 'switchyard.yaml'), 'utf8')) as ProbeYardFile;
  }
}
