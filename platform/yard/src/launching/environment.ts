/** The environment of an instance: what the yard gives, what the yard file adds, and the little that is inherited. */
import { readFile } from 'node:fs/promises';
import { delimiter, resolve } from 'node:path';
import { GIVEN_VARIABLES } from '@switchyard/contracts/yard-file';
import { fill } from './command-line.ts';
import type { Variables } from './command-line.ts';

/** A secret file longer than this is a mistake. */
const SECRET_MAX_BYTES = 65_536;
/** Variables of the yard's own shell that are not for services: its superuser's address, and what npm and test runners say to their children. */
const NOT_INHERITED = /^(?:YARD_.*|npm_.*|NODE_TEST_CONTEXT|INIT_CWD|OLDPWD|PWD|SHLVL|_)$/;
/** Given variables that the yard file may override, because nobody else relies on them. */
export const MAY_BE_OVERRIDDEN: ReadonlySet<string> = new Set(['HOST', 'DATABASE_URL', 'BROKER_URL', 'LOG_LEVEL']);

export interface EnvironmentParts {
  /** Environment of the supervisor. */
  readonly inherited: NodeJS.ProcessEnv;
  /** What the yard gives: PORT, INSTANCE_ID and so on. */
  readonly given: Variables;
  /** `env` of the yard file, secrets resolved. */
  readonly declared: Variables;
  /** Folders that come first on the PATH. */
  readonly path: readonly string[];
}

/** Declared values may use given ones as `${NAME}`. Throws an Error whose message is a sentence. */
export function environmentOf({ inherited, given, declared, path }: EnvironmentParts): Record<string, string> {
  const environment: Record<string, string> = {};
  const isGiven = new Set<string>(GIVEN_VARIABLES);
  for (const [name, value] of Object.entries(inherited)) {
    if (value !== undefined && !NOT_INHERITED.test(name) && !isGiven.has(name)) environment[name] = value;
  }
  const overriding: Record<string, string> = {};
  for (const [name, value] of Object.entries(declared)) {
    if (isGiven.has(name) && !MAY_BE_OVERRIDDEN.has(name))
      throw new Error(`env may not set ${name}: the yard gives it`);
    overriding[name] = value;
  }
  Object.assign(environment, given, overriding);
  environment['PATH'] = [...path, environment['PATH'] ?? '/usr/local/bin:/usr/bin:/bin'].join(delimiter);
  return environment;
}

const SECRET = /\$\{(env|file):([^}]*)\}/g;

/**
 * Fills `${env:NAME}`, `${file:PATH}` (relative to the yard; one newline at its end is not part of it) and `${NAME}` into the values of
 * `env`. Filled once: a `${…}` inside a secret stays as it is. Every fault is told, by the name of the variable, never with a value.
 */
export async function resolveDeclared(
  env: Variables,
  from: { readonly inherited: NodeJS.ProcessEnv; readonly root: string; readonly given: Variables },
): Promise<{ readonly values: Variables } | { readonly faults: readonly string[] }> {
  const values: Record<string, string> = {};
  const faults: string[] = [];
  for (const [name, written] of Object.entries(env)) {
    try {
      let filled = '';
      let done = 0;
      for (const match of written.matchAll(SECRET)) {
        filled += fill(written.slice(done, match.index), from.given);
        filled += await secret(match[1] as 'env' | 'file', match[2]!, from);
        done = match.index + match[0].length;
      }
      values[name] = filled + fill(written.slice(done), from.given);
    } catch (error) {
      faults.push(`env ${name}: ${(error as Error).message}`);
    }
  }
  return faults.length === 0 ? { values } : { faults };
}

async function secret(
  kind: 'env' | 'file',
  name: string,
  from: { readonly inherited: NodeJS.ProcessEnv; readonly root: string },
): Promise<string> {
  if (kind === 'env') {
    const value = from.inherited[name];
    if (value === undefined) throw new Error(`the environment of the yard has no ${name} (\${env:${name}})`);
    return value;
  }
  const path = resolve(from.root, name);
  let content: string;
  try {
    content = await readFile(path, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new Error(`${path} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`}`, { cause: error });
  }
  if (content.length > SECRET_MAX_BYTES) throw new Error(`${path} is longer than ${SECRET_MAX_BYTES} bytes`);
  return content.replace(/\r?\n$/, '');
}
