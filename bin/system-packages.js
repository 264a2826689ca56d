/** What tests need from outside npm: found, installed through apt where that is allowed, else named with the command to type. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** `programs`: any of them will do. `variable` tells the tests where it is. */
const NEEDS = [
  {
    name: 'Chromium',
    debian: 'chromium',
    variable: 'CHROMIUM',
    programs: ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'],
    places: [
      '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
      '/Applications/Chromium.app/Contents/MacOS/Chromium',
    ],
    brew: 'brew install --cask chromium',
  },
  {
    name: 'Python 3',
    debian: 'python3',
    variable: 'PYTHON',
    programs: ['python3'],
    places: [],
    brew: 'brew install python3',
  },
  {
    name: 'nginx',
    debian: 'nginx',
    variable: 'NGINX',
    programs: ['nginx'],
    places: ['/usr/sbin/nginx'],
    brew: 'brew install nginx',
  },
  {
    name: 'Go',
    debian: 'golang-go',
    variable: 'GO',
    programs: ['go'],
    places: ['/usr/local/go/bin/go'],
    brew: 'brew install go',
  },
];

/**
 * Looks for everything, installs what is missing where this process may (root on Debian), and answers the environment
 * variables for the tests (a path each) and what is still missing, each with what to do.
 */
export function provideSystemPackages(say, environment = process.env) {
  const missing = NEEDS.filter((need) => find(need, environment) === null);
  let aptFault = null;
  if (missing.length > 0 && mayUseApt()) {
    say(`installing Debian packages: ${missing.map(({ debian }) => debian).join(' ')}`);
    aptFault = aptInstall(missing.map(({ debian }) => debian));
  }
  const variables = {};
  const lacking = [];
  for (const need of NEEDS) {
    const path = find(need, environment);
    if (path === null) lacking.push(`${need.name} is missing; ${aptFault ?? adviceFor(need)}`);
    else variables[need.variable] = path;
  }
  return { variables, lacking };
}

function find({ variable, programs, places }, environment) {
  const named = environment[variable];
  if (named !== undefined && named !== '') return isRunnable(named) ? named : null;
  for (const program of programs) {
    for (const folder of (environment.PATH ?? '').split(delimiter)) {
      const path = join(folder === '' ? '.' : folder, program);
      if (isRunnable(path)) return path;
    }
  }
  return places.find(isRunnable) ?? null;
}

function isRunnable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const mayUseApt = () =>
  process.getuid?.() === 0 &&
  existsSync('/etc/debian_version') &&
  find({ variable: '', programs: ['apt-get'], places: [] }, process.env) !== null;

function aptInstall(packages) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { stdio: ['ignore', 'ignore', 'pipe'], env, timeout: 600_000, encoding: 'utf8' };
  spawnSync('apt-get', ['update', '-qq'], options);
  const { status, stderr } = spawnSync(
    'apt-get',
    ['install', '-y', '-qq', '--no-install-recommends', ...packages],
    options,
  );
  return status === 0
    ? null
    : `apt-get install ${packages.join(' ')} failed: ${(stderr ?? '').trim().split('\n').at(-1)}`;
}

function adviceFor({ debian, brew }) {
  if (process.platform === 'darwin') return `type: ${brew}`;
  return existsSync('/etc/debian_version')
    ? `type: sudo apt-get install ${debian}`
    : `install it by your system's package manager (Debian: ${debian})`;
}
