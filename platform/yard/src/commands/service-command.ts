/** What `restart` and `stop` share: one name, asked of the supervisor, with the faults that come meanwhile. */
import { CommandFailed, EXIT } from '../command.ts';
import type { ExitCode, Invocation } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { nearestName } from '../yard-file/nearest-name.ts';
import { partsOf, readYard } from './read-yard.ts';

export async function askAboutService(
  invocation: Invocation,
  what: 'restart' | 'stop',
  done: string,
): Promise<ExitCode> {
  const { folder, yard } = readYard(invocation);
  const service = invocation.positionals[0]!;
  const known = partsOf(yard).filter((part) => part !== 'postgres');
  if (!known.includes(service)) {
    const meant = nearestName(service, known);
    throw new CommandFailed(`there is no service ${JSON.stringify(service)} in ${folder.file}`, {
      hint: meant === null ? `there are ${known.join(', ')}` : `did you mean ${meant}?`,
    });
  }
  const { stdout, stderr, colours } = invocation;
  const answer = await askSupervisor(folder, { do: what, service }, (event) => {
    if (!('part' in event) || event.part !== service) return;
    if (event.kind === 'phase' && event.detail !== '' && event.phase === 'preparing') stdout.write(`${event.detail}\n`);
    if (event.kind === 'fault') {
      for (const line of event.lines) stderr.write(`${colours.dim(`    ${line}`)}\n`);
    }
  });
  if (answer === null) {
    throw new CommandFailed('no supervisor runs for this yard', {
      hint: 'yard up starts one, and takes over what runs',
    });
  }
  stdout.write(`${service} ${done}\n`);
  return EXIT.done;
}
