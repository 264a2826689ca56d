/** Looks at the machine: platform, Node.js, disk, open files, localhost, clock. */
import { lookup } from 'node:dns/promises';
import { readFileSync, statfsSync } from 'node:fs';
import { note, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

const SUPPORTED = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64'];
/** For which a PostgreSQL is carried along as well. */
const NODE_MAJOR = 26;
const DISK_WRONG_BYTES = 200_000_000;
const DISK_NOTE_BYTES = 2_000_000_000;
const OPEN_FILES_MIN = 1_024;
/** Before this code was written: a clock that says so is wrong. */
const EARLIEST_MS = Date.UTC(2025, 0, 1);

export async function examineMachine(folder: string, nowMs: number): Promise<Finding[]> {
  return [platform(), node(process.versions.node), disk(folder), openFiles(), await localhost(), clock(nowMs)];
}

function platform(): Finding {
  const name = `${process.platform}-${process.arch}`;
  if (!SUPPORTED.includes(name)) {
    return wrong('platform', `${name} is not supported`, `use one of ${SUPPORTED.join(', ')}`);
  }
  const header = (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header;
  if (process.platform === 'linux' && header?.glibcVersionRuntime === undefined) {
    return wrong('platform', 'this Linux has no glibc (Alpine?)', 'use a distribution with glibc, such as Debian');
  }
  return well('platform', name);
}

function node(version: string): Finding {
  if (Number(version.split('.')[0]) >= NODE_MAJOR) return well('Node.js', `${version} (${process.execPath})`);
  return wrong(
    'Node.js',
    `${version} runs the yard, which needs ${NODE_MAJOR}`,
    'run it by the launcher (npx yard), which brings its own; npm ci when that is missing',
  );
}

function disk(folder: string): Finding {
  const { bavail, bsize, ffree, files } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  const says = `${(freeBytes / 1e9).toFixed(1)} GB free below ${folder}`;
  const advice = 'make room; old releases and logs are in .yard (yard reset forgets them with everything else)';
  if (files > 0 && ffree < 1_000) return wrong('disk', `${ffree} inodes left below ${folder}`, advice);
  if (freeBytes < DISK_WRONG_BYTES) return wrong('disk', says, advice);
  return freeBytes < DISK_NOTE_BYTES ? note('disk', says, advice) : well('disk', says);
}

function openFiles(): Finding {
  let limit = Infinity;
  try {
    const line = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    if (line !== undefined && line !== 'unlimited') limit = Number(line);
  } catch {
    // not Linux: the limit is not told, and is raised on demand
  }
  return limit < OPEN_FILES_MIN
    ? note('open files', `at most ${limit} for each process`, `ulimit -n ${OPEN_FILES_MIN * 8} before yard up`)
    : well('open files', limit === Infinity ? 'not limited' : `at most ${limit} for each process`);
}

async function localhost(): Promise<Finding> {
  const found = await lookup('localhost', { all: true }).catch(() => []);
  const addresses = found.map(({ address }) => address);
  return addresses.includes('127.0.0.1')
    ? well('localhost', addresses.join(', '))
    : wrong(
        'localhost',
        addresses.length === 0 ? 'has no address' : `is only ${addresses.join(', ')}`,
        'add the line "127.0.0.1 localhost" to /etc/hosts',
      );
}

function clock(nowMs: number): Finding {
  const says = new Date(nowMs).toISOString();
  return nowMs < EARLIEST_MS
    ? wrong('clock', `says ${says}`, 'set it: tokens and leases are judged by it')
    : well('clock', says);
}
