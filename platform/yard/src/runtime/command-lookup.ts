/** Finds the program of a command line as a shell would, so that a missing one is told in a sentence and not by exit code 127. */
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { delimiter, isAbsolute, join, resolve } from 'node:path';

/** A sentence that says why the program cannot be started there; null when it can. */
export async function commandFault(
  program: string,
  cwd: string,
  env: Readonly<Record<string, string>>,
): Promise<string | null> {
  const folder = await stat(cwd).catch(() => null);
  if (folder === null) return `the folder ${cwd} does not exist`;
  if (!folder.isDirectory()) return `${cwd} is not a folder`;
  if (program === '') return 'the command is empty';
  if (program.includes('/')) {
    const path = isAbsolute(program) ? program : resolve(cwd, program);
    const kind = await executable(path);
    if (kind === 'yes') return null;
    return kind === 'no' ? `${path} is not executable (chmod +x it)` : `${path} does not exist`;
  }
  const path = env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
  let isThere = false;
  for (const folder of path.split(delimiter)) {
    const kind = await executable(join(resolve(cwd, folder === '' ? '.' : folder), program));
    if (kind === 'yes') return null;
    if (kind === 'no') isThere = true;
  }
  return isThere
    ? `the command ${JSON.stringify(program)} is on the PATH but not executable`
    : `the command ${JSON.stringify(program)} was not found on the PATH`;
}

async function executable(path: string): Promise<'yes' | 'no' | 'absent'> {
  try {
    const found = await stat(path);
    if (!found.isFile()) return 'absent';
    await access(path, constants.X_OK);
    return 'yes';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EACCES' ? 'no' : 'absent';
  }
}
