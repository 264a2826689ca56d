/** Finds everything that an npm package needs to run: the packages of its own workspace, and third-party ones, transitively. */
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';

/** A symbolic link on the way to a package, both below the root, with `/`. */
export interface PackageLink {
  readonly path: string;
  readonly target: string;
}

/** What has to be copied, and where it lies. Every path is below `root`. */
export interface PackageClosure {
  /** The common ancestor of everything; absolute. */
  readonly root: string;
  /** The folder of the service. */
  readonly dir: string;
  /** Folders of the workspace's packages, without the service's own. */
  readonly workspace: readonly string[];
  /** Folders of third-party packages: those with `node_modules` in their path. */
  readonly thirdParty: readonly string[];
  /** How packages are reached where that is not their own place. */
  readonly links: readonly PackageLink[];
  /** Commands that third-party packages bring: `{ tsx: 'node_modules/tsx/dist/cli.mjs' }`. */
  readonly bins: Readonly<Record<string, string>>;
}

const manifest = z.object({
  name: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  peerDependencies: z.record(z.string(), z.string()).optional(),
  bin: z.union([z.string(), z.record(z.string(), z.string())]).optional(),
});
type Manifest = z.infer<typeof manifest>;

/** The yard itself, which a folder has among its dependencies to get the command: no service needs it, and it is large. */
const NOT_OF_A_SERVICE = new Set(['switchyard']);
const PACKAGES_MAX = 20_000;

/**
 * The closure of the package in `dir` (its real path). Optional and peer dependencies count where they are installed.
 * A folder without a `package.json` has a closure of nothing but itself. `within`: a folder that the root must not lie below,
 * so that a service keeps its place relative to its yard; ignored when it is not an ancestor of `dir`.
 */
export function packageClosure(dir: string, within: string): PackageClosure {
  const home = realpathSync(dir);
  const found = collect(home);
  const packages = [...found.packages];
  const places = [home, ...packages.map(placeOf), ...[...found.links.keys()].map(placeOf)];
  if (isBelow(home, within)) places.push(within);
  const root = commonAncestor(places);
  const below = (path: string) => relative(root, path).split(sep).join('/');
  const isThirdParty = (path: string) => below(path).split('/').includes('node_modules');
  return {
    root,
    dir: below(home),
    workspace: packages
      .filter((path) => path !== home && !isThirdParty(path))
      .map(below)
      .sort(),
    thirdParty: packages
      .filter((path) => path !== home && isThirdParty(path))
      .map(below)
      .sort(),
    links: [...found.links].map(([path, target]) => ({ path: below(path), target: below(target) })).sort(byPath),
    bins: Object.fromEntries([...found.bins].map(([name, path]) => [name, below(path)])),
  };
}

function collect(home: string) {
  const packages = new Set<string>();
  const links = new Map<string, string>();
  const bins = new Map<string, string>();
  const waiting = [home];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (packages.has(next)) continue;
    packages.add(next);
    if (packages.size > PACKAGES_MAX) throw new Error(`${home} needs more than ${PACKAGES_MAX} packages`);
    const own = readManifest(next);
    if (own === null) continue;
    if (next !== home) for (const [name, path] of binsOf(own, next)) if (!bins.has(name)) bins.set(name, path);
    for (const name of dependenciesOf(own)) {
      const link = locate(name, next);
      if (link === null) continue;
      const target = realpathSync(link);
      if (target !== link) links.set(link, target);
      waiting.push(target);
    }
  }
  return { packages, links, bins };
}

function dependenciesOf(own: Manifest): string[] {
  const names = { ...own.dependencies, ...own.optionalDependencies, ...own.peerDependencies };
  return Object.keys(names).filter((name) => !NOT_OF_A_SERVICE.has(name));
}

/** As Node.js looks for packages: `node_modules` of each folder upwards. */
function locate(name: string, from: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    if (basename(folder) !== 'node_modules') {
      const candidate = join(folder, 'node_modules', name);
      // The folder that holds it may itself be reached by a link; only the last step is ours to keep.
      if (existsSync(join(candidate, 'package.json'))) return join(realpathSync(dirname(candidate)), basename(name));
    }
    if (dirname(folder) === folder) return null;
  }
}

function readManifest(folder: string): Manifest | null {
  const path = join(folder, 'package.json');
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new Error(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
  const result = manifest.safeParse(parsed);
  // npm has accepted it, so whatever is unusual in it is not ours to refuse.
  return result.success ? result.data : {};
}

function binsOf(own: Manifest, folder: string): [string, string][] {
  if (own.bin === undefined) return [];
  const written = typeof own.bin === 'string' ? { [(own.name ?? '').split('/').at(-1)!]: own.bin } : own.bin;
  return Object.entries(written).flatMap(([name, path]): [string, string][] =>
    /^[A-Za-z0-9._-]+$/.test(name) ? [[name, resolve(folder, path)]] : [],
  );
}

/** The folder in whose `node_modules` a package lies; of any other, the folder itself. */
function placeOf(path: string): string {
  const at = path.split(sep).indexOf('node_modules');
  return at === -1 ? path : path.split(sep).slice(0, at).join(sep) || sep;
}

const isBelow = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep);

function commonAncestor(paths: readonly string[]): string {
  let common = paths[0]!.split(sep);
  for (const path of paths.slice(1)) {
    const parts = path.split(sep);
    let same = 0;
    while (same < common.length && same < parts.length && common[same] === parts[same]) same += 1;
    common = common.slice(0, same);
  }
  return common.join(sep) || sep;
}

const byPath = (a: PackageLink, b: PackageLink): number => (a.path < b.path ? -1 : 1);
