/** What a command of a release is started with: its words, and its whole environment. */
import { dirname } from 'node:path';
import type { Release } from '../releases/release.ts';
import { StartFault } from '../runtime/runtime.ts';
import { argvOf } from './command-line.ts';
import type { Variables } from './command-line.ts';
import { environmentOf, resolveDeclared } from './environment.ts';

export interface ReleaseCommand {
  readonly release: Release;
  /** As written in the yard file. */
  readonly command: string;
  /** The variables that the yard gives. */
  readonly given: Variables;
  /** Environment of the supervisor. */
  readonly inherited: NodeJS.ProcessEnv;
  /** Variables for those who set them nowhere else. */
  readonly defaults: Variables;
  /** Folder of the yard. */
  readonly root: string;
}

/** Throws a StartFault whose message is a sentence. */
export async function releaseCommand({
  release,
  command,
  given,
  inherited,
  defaults,
  root,
}: ReleaseCommand): Promise<{ readonly argv: string[]; readonly env: Record<string, string> }> {
  const declared = await resolveDeclared(release.entry.env, { inherited, root, given });
  if ('faults' in declared) throw new StartFault(declared.faults.join('; '));
  try {
    const argv = argvOf(command, { ...given, ...declared.values });
    const path = [dirname(process.execPath), release.bin];
    return { argv, env: { ...defaults, ...environmentOf({ inherited, given, declared: declared.values, path }) } };
  } catch (error) {
    throw new StartFault((error as Error).message, error);
  }
}
