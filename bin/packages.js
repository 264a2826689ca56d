/** Makes sure that what package-lock.json says is what node_modules has, and says plainly why when that cannot be had. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import { runForeground } from './pinned-node.js';

/** An installation with everything needs about this much. */
const INSTALL_BYTES = 800_000_000;

/** Thrown when packages could not be installed; the message says what to do. */
export class NotInstalled extends Error {}

/** Argv that runs npm: the one that runs this script, else the one on the PATH. */
export function npmCommand() {
  const own = process.env.npm_execpath;
  if (own !== undefined && /npm-cli\.[cm]?js$/.test(own) && existsSync(own)) return [process.execPath, own];
  return ['npm'];
}

/** Runs `npm ci` in `root` when a package is missing there or is another version than the lockfile's. */
export async function installPackages(root, say) {
  const stale = staleReason(root);
  if (stale === null) return;
  say(`installing packages (${stale})`);
  const [command, ...first] = npmCommand();
  const argv = [...first, 'ci', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];
  // give up after some 20 s without a network, instead of minutes
  argv.push('--fetch-retries=2', '--fetch-retry-mintimeout=2000', '--fetch-retry-maxtimeout=8000');
  let code;
  try {
    code = await runForeground(command, argv, { cwd: root });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new NotInstalled('npm is needed and is not on the PATH; it comes with Node.js (https://nodejs.org)');
  }
  if (code === 130 || code === 143 || code === 129) process.exit(code);
  const missing = staleReason(root);
  if (code !== 0 || missing !== null) throw new NotInstalled(whyNot(root, code, missing));
}

/** Why an installation is needed; null when it is not. npm itself writes node_modules/.package-lock.json last, when all is in place. */
export function staleReason(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'first time: some hundred megabytes';
  const installed = readLock(join(root, 'node_modules/.package-lock.json'));
  if (installed === null) return 'the last installation did not finish';
  const wanted = readLock(join(root, 'package-lock.json'));
  if (wanted === null)
    throw new NotInstalled('package-lock.json is missing or broken; restore it (git checkout package-lock.json)');
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '' || entry.link === true || !path.includes('node_modules/')) continue;
    const own = installed[path];
    // npm leaves out what it could not write when that is optional, the pinned Node.js and PostgreSQL too
    const optional = (entry.optional === true || entry.devOptional === true) && !isForHere(entry);
    if (own === undefined) {
      if (!optional) return `${nameOf(path)} is missing`;
    } else if (own.version !== entry.version || own.integrity !== entry.integrity)
      return `${nameOf(path)} is not the version of the lockfile`;
    else if (!existsSync(join(root, path, 'package.json')) && !optional) return `${nameOf(path)} is missing`;
  }
  return null;
}

/** Made for this platform. One that names none may be a dependency of one that is not. */
const isForHere = ({ os, cpu, libc }) =>
  os !== undefined && allows(os, process.platform) && allows(cpu, process.arch) && allows(libc, 'glibc');

/** A name or a list as in package.json: those that are meant, or with `!` those that are not. */
function allows(written, name) {
  const names = [written ?? name].flat();
  return names.includes(name) || (names.some((each) => each.startsWith('!')) && !names.includes(`!${name}`));
}

const nameOf = (path) => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

function readLock(path) {
  try {
    const { packages } = JSON.parse(readFileSync(path, 'utf8'));
    return typeof packages === 'object' && packages !== null ? packages : null;
  } catch {
    return null;
  }
}

function whyNot(root, code, missing) {
  const free = freeBytes(root);
  if (free !== null && free < 50_000_000) {
    return `the disk is full: ${megabytes(free)} MB free in ${root}, an installation needs up to ${megabytes(INSTALL_BYTES)} MB`;
  }
  const [command, ...first] = npmCommand();
  const ping = spawnSync(command, [...first, 'ping', '--fetch-retries=0', '--fetch-timeout=5000'], {
    cwd: root,
    timeout: 15_000,
  });
  if (ping.status !== 0) {
    return `npm cannot reach its registry; check the network (behind a proxy: npm config set proxy), then try again`;
  }
  if (free !== null && free < INSTALL_BYTES / 2)
    return `npm ci failed, perhaps for want of space: ${megabytes(free)} MB free in ${root}`;
  return code === 0
    ? `npm ci ended well, yet ${missing}`
    : `npm ci failed (exit code ${code}); its own message is above`;
}

const megabytes = (bytes) => Math.round(bytes / 1_000_000);

function freeBytes(path) {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  } catch {
    return null;
  }
}
