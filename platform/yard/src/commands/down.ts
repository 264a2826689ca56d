/** `yard down`: stop everything, with the supervisor that runs it or, without one, what the records say. */
import { EXIT } from '../command.ts';
import type { Command, Invocation } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { stopWithoutSupervisor } from '../supervisor/stop-without-supervisor.ts';
import { findYard } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';

export const downCommand: Command = {
  name: 'down',
  usage: '[--now]',
  summary: 'stop everything',
  details: 'Services get SIGTERM and their grace; Ctrl-C while it waits, or --now, ends them at once.',
  options: { now: { type: 'boolean', help: 'do not wait for requests that run' } },
  run: async (invocation) => {
    const folder = findYard(invocation.cwd);
    const { stdout } = invocation;
    if (await stopBySupervisor(invocation, folder)) return EXIT.done;
    const stopped = await stopWithoutSupervisor(folder, invocation.values['now'] === true, (line) =>
      stdout.write(`${line}\n`),
    );
    stdout.write(stopped === 0 ? 'nothing of this yard runs\n' : 'everything has stopped\n');
    return EXIT.done;
  },
};

async function stopBySupervisor({ stdout, stderr, values }: Invocation, folder: YardFolder): Promise<boolean> {
  const told = new Set<string>();
  const hasten = () => {
    stdout.write('stopping at once\n');
    void askSupervisor(folder, { do: 'down', hasten: true }).catch(() => undefined);
  };
  process.on('SIGINT', hasten);
  try {
    const answer = await askSupervisor(folder, { do: 'down', hasten: values['now'] === true }, (event) => {
      if (event.kind === 'fault') stderr.write(`${event.part}: ${event.message}\n`);
      if (event.kind !== 'phase' || event.phase !== 'stopped' || told.has(event.part)) return;
      told.add(event.part);
      stdout.write(`${event.part} has stopped\n`);
    });
    if (answer === null) return false;
    stdout.write('everything has stopped\n');
    return true;
  } finally {
    process.off('SIGINT', hasten);
  }
}
