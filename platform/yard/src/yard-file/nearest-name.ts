/** Guesses which of the known names somebody meant. */

/** What other tools call the keys of a service. */
const SYNONYMS: Readonly<Record<string, string>> = {
  command: 'run',
  cmd: 'run',
  start: 'run',
  entrypoint: 'run',
  exec: 'run',
  port: 'ports',
  replicas: 'instances',
  scale: 'instances',
  processes: 'instances',
  dependson: 'needs',
  depends: 'needs',
  requires: 'needs',
  after: 'needs',
  environment: 'env',
  variables: 'env',
  cwd: 'dir',
  workdir: 'dir',
  workingdir: 'dir',
  workingdirectory: 'dir',
  directory: 'dir',
  folder: 'dir',
  path: 'dir',
  healthcheck: 'health',
  healthpath: 'health',
  readiness: 'health',
  database: 'postgres',
  db: 'postgres',
  postgresql: 'postgres',
  timeout: 'startTimeout',
  stoptimeout: 'stopGrace',
  graceperiod: 'stopGrace',
  migration: 'migrate',
  migrations: 'migrate',
  premigrate: 'migrate',
  predeploy: 'migrate',
  postdeploy: 'contract',
  warmup: 'warm',
  warmpaths: 'warm',
  drain: 'drainTimeout',
  baketime: 'bake',
  rollback: 'revert',
  route: 'routes',
  paths: 'routes',
  proxy: 'gateway',
  apps: 'services',
};

/** The nearest of `known`, or null when none is near: at most a third of the letters differ, or another tool's word for it. */
export function nearestName(written: string, known: readonly string[]): string | null {
  const bare = (name: string) => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
  const wanted = bare(written);
  const same = known.find((name) => bare(name) === wanted);
  if (same !== undefined) return same;
  const synonym = Object.hasOwn(SYNONYMS, wanted) ? SYNONYMS[wanted] : undefined;
  if (synonym !== undefined && known.includes(synonym)) return synonym;
  let best: { name: string; distance: number } | null = null;
  for (const name of known) {
    const distance = editDistance(wanted, bare(name));
    if (distance <= Math.max(1, Math.floor(name.length / 3)) && (best === null || distance < best.distance)) {
      best = { name, distance };
    }
  }
  return best?.name ?? null;
}

/** Insertions, deletions, replacements and swaps of neighbours (optimal string alignment). Only the first 64 letters count. */
export function editDistance(left: string, right: string): number {
  const [a, b] = [left.slice(0, 64), right.slice(0, 64)];
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(row[j - 1]! + 1, previous[j]! + 1, previous[j - 1]! + cost);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      row.push(least);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length]!;
}
