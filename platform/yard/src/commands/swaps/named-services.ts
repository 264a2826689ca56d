/** The services that a swap command names: known, named once, of a yard whose supervisor runs. */
import { CommandFailed, EXIT, wrongUsage } from '../../command.ts';
import type { Invocation } from '../../command.ts';
import { askSupervisor } from '../../control/control-client.ts';
import { nearestName } from '../../yard-file/nearest-name.ts';
import { readYardFile } from '../../yard-file/read-yard-file.ts';
import { findYard } from '../../yard-folder.ts';
import type { YardFolder } from '../../yard-folder.ts';

/** Parts of the yard itself, which are swapped one at a time. */
const PLATFORM: readonly string[] = ['gateway', 'registry'];

export const isPlatform = (name: string): boolean => PLATFORM.includes(name);

/**
 * The yard, and the names as they were typed.
 *
 * @throws CommandFailed for wrong usage (exit code 2), and when no supervisor runs (1)
 */
export async function namedServices({ cwd, positionals }: Invocation): Promise<{
  readonly folder: YardFolder;
  readonly services: readonly string[];
}> {
  const twice = positionals.find((name, index) => positionals.indexOf(name) !== index);
  if (twice !== undefined) throw wrongUsage(`${twice} is named twice`, 'once is enough');
  const platform = positionals.find(isPlatform);
  if (platform !== undefined && positionals.length > 1) {
    throw wrongUsage(`the ${platform} is swapped alone, not together with services`, `yard swap ${platform}`);
  }
  const folder = findYard(cwd);
  const answer = await askSupervisor(folder, { do: 'status' });
  const running = answer?.status == null ? null : Object.keys(answer.status.services);
  const declared = declaredIn(folder);
  const known = [...new Set([...(running ?? []), ...(declared ?? [])]), ...PLATFORM];
  // Without a supervisor and with a faulty file nobody knows the names; that no supervisor runs is told then.
  if (running !== null || declared !== null) for (const name of positionals) checkName(name, known, folder);
  if (answer === null) {
    throw new CommandFailed('no supervisor runs for this yard', {
      exitCode: EXIT.failed,
      hint: 'yard up starts one, and takes over what runs',
    });
  }
  const later = positionals.find((name) => running !== null && !running.includes(name) && !isPlatform(name));
  if (later !== undefined) {
    throw new CommandFailed(`${later} is in ${folder.file}, but was not when the yard came up`, {
      hint: 'yard down, then yard up, runs it',
    });
  }
  return { folder, services: positionals };
}

function checkName(name: string, known: readonly string[], { file }: YardFolder): void {
  if (known.includes(name)) return;
  const meant = nearestName(name, known);
  throw wrongUsage(
    `there is no service ${JSON.stringify(name)} in ${file}`,
    meant === null ? `there are ${known.join(', ')}` : `did you mean ${meant}?`,
  );
}

/** Null while the file has a fault: what runs can be swapped back all the same. */
function declaredIn({ file }: YardFolder): string[] | null {
  const read = readYardFile(file);
  return 'yard' in read ? Object.keys(read.yard.services) : null;
}
