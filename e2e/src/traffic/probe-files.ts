/** Puts a probe (probe.mjs, probe.py) into a folder, and says how it is declared in a switchyard.yaml. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parse, stringify } from 'yaml';
import { REPOSITORY } from '../yard-under-test.ts';

export type ProbeLanguage = 'node' | 'python';

/** What a probe does differently from a good service. */
export interface ProbeSettings {
  /** Waits so long before it listens. */
  readonly bootMs?: number;
  /** Ends with exit code 1 and a line on stderr instead of listening. */
  readonly crashesAtBoot?: boolean;
  /** What `/health` answers; 503: never ready. */
  readonly healthStatus?: number;
  /** Ends with exit code 1 so long after its first good answer to `/health`. */
  readonly exitsAfterHealthyMs?: number;
  /**
   * On SIGTERM. exit (the default): ends at once, whatever runs. ignore: goes on. graceful (not in Python): takes no new connection,
   * lets everything end, closes WebSockets with 1012.
   */
  readonly onStop?: 'exit' | 'ignore' | 'graceful';
  /** Answers 500, but for `/health`, from so long after its start, or after so many requests. */
  readonly failsAfterMs?: number;
  readonly failsAfterRequests?: number;
  /** Answers 500, but for `/health`, to each tenth request, say. */
  readonly failsEvery?: number;
  /** Waits so long before each answer. */
  readonly slowMs?: number;
  /** On each answer, such as `{ 'x-switchyard-instance': 'another-1' }`. */
  readonly headers?: Readonly<Record<string, string>>;
}

const FILES = { node: 'probe.mjs', python: 'probe.py' } as const;
const COMMANDS = { node: 'node probe.mjs', python: 'python3 probe.py' } as const;

/** Writes probe and settings into the folder, which is made. Written again before a swap, the new deployment has the new settings. */
export async function writeProbe(
  folder: string,
  settings: ProbeSettings = {},
  language: ProbeLanguage = 'node',
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(path.join(REPOSITORY, 'e2e/src/traffic', FILES[language]), path.join(folder, FILES[language]));
  await writeFile(path.join(folder, 'probe.json'), JSON.stringify(settings));
}

export interface ProbeDeclaration {
  /** Folder of the probe. */
  readonly dir: string;
  readonly ports: readonly [number, number];
  /** Path prefix of its route. */
  readonly prefix: string;
  /** Absolute: where all deployments write the posts that they did. */
  readonly countsFile: string;
  readonly language?: ProbeLanguage;
  /** Any further keys of a service in switchyard.yaml, such as `bake`. */
  readonly more?: Readonly<Record<string, unknown>>;
}

/** Its entry under `services`. */
export function declareProbe(probe: ProbeDeclaration): Record<string, unknown> {
  return {
    dir: probe.dir,
    run: COMMANDS[probe.language ?? 'node'],
    ports: probe.ports,
    routes: [{ path: probe.prefix, auth: 'none' }],
    health: '/health',
    env: { PROBE_COUNTS: probe.countsFile },
    ...probe.more,
  };
}

/** Writes a probe into the folder of a yard that does not run yet, and declares it in its switchyard.yaml below `/{name}`. */
export async function addProbe(
  yardFolder: string,
  name: string,
  {
    settings = {},
    ...declaration
  }: Pick<ProbeDeclaration, 'ports' | 'language' | 'more'> & { settings?: ProbeSettings },
): Promise<{ readonly prefix: string; readonly countsFile: string }> {
  const file = path.join(yardFolder, 'switchyard.yaml');
  const yard = parse(await readFile(file, 'utf8')) as { services: Record<string, unknown> };
  const at = { prefix: `/${name}`, countsFile: path.join(yardFolder, `${name}.counts.log`) };
  await writeProbe(path.join(yardFolder, name), settings, declaration.language);
  yard.services[name] = declareProbe({ dir: name, ...at, ...declaration });
  await writeFile(file, stringify(yard));
  return at;
}
