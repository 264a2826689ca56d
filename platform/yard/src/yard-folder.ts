/** Where a yard is, and where each of its things lives below `.yard/`. */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CommandFailed } from './command.ts';

export const YARD_FILE = 'switchyard.yaml';

/** Absolute paths. Folders are 0700 and files 0600; nothing outside `root` but what a link in it points to. */
export interface YardFolder {
  /** Folder of `switchyard.yaml`. */
  readonly root: string;
  readonly file: string;
  /** `.yard` itself. */
  readonly state: string;
  /** Random id of this yard, made once. */
  readonly idFile: string;
  readonly stateFile: string;
  /** Held by the kernel for as long as a supervisor lives. */
  readonly lockFile: string;
  /** Says where the supervisor's socket is and who it is. */
  readonly supervisorFile: string;
  readonly socket: string;
  readonly instances: string;
  readonly releases: string;
  readonly store: string;
  readonly logs: string;
  /** What swaps that are under way have reached, a file for each. */
  readonly journal: string;
  /** Reports of past swaps. */
  readonly history: string;
  readonly keys: string;
  readonly operatorToken: string;
  readonly registry: string;
  readonly data: string;
  /** What Node.js remembers of the code it has compiled; may be removed at any time. */
  readonly compileCache: string;
  /** What is remembered of the embedded PostgreSQL. */
  readonly postgresFile: string;
}

export function yardFolder(root: string): YardFolder {
  const state = join(root, '.yard');
  return {
    root,
    file: join(root, YARD_FILE),
    state,
    idFile: join(state, 'id'),
    stateFile: join(state, 'state.json'),
    lockFile: join(state, 'supervisor.lock'),
    supervisorFile: join(state, 'supervisor.json'),
    socket: join(state, 'supervisor.sock'),
    instances: join(state, 'instances'),
    releases: join(state, 'releases'),
    store: join(state, 'store'),
    logs: join(state, 'logs'),
    journal: join(state, 'journal'),
    history: join(state, 'history.jsonl'),
    keys: join(state, 'keys'),
    operatorToken: join(state, 'operator.token'),
    registry: join(state, 'registry'),
    data: join(state, 'data'),
    compileCache: join(state, 'cache', 'node'),
    postgresFile: join(state, 'postgres.json'),
  };
}

/** The nearest folder upwards from `cwd` that has a `switchyard.yaml`. */
export function findYard(cwd: string): YardFolder {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (existsSync(join(folder, YARD_FILE))) return yardFolder(folder);
    if (dirname(folder) === folder) break;
  }
  throw new CommandFailed(`there is no ${YARD_FILE} here or above (${cwd})`, { hint: 'yard init writes a first one' });
}
