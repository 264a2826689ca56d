/** `yard down`: stop everything, with the supervisor that runs it or, without one, what the records say. */
import { setTimeout as pause } from 'node:timers/promises';
import { EXIT } from '../command.ts';
import type { Command, Invocation } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { readSupervisorFile } from '../control/socket-place.ts';
import { isAlive } from '../runtime/processes.ts';
import type { ProcessIdentity } from '../runtime/processes.ts';
import { stopWithoutSupervisor } from '../supervisor/stop-without-supervisor.ts';
import { findYard } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';

/** After its last answer a supervisor has only its own process to end. */
const SUPERVISOR_END_MS = 5_000;
const SUPERVISOR_POLL_MS = 20;

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
    const supervisor = await readSupervisorFile(folder);
    const answer = await askSupervisor(folder, { do: 'down', hasten: values['now'] === true }, (event) => {
      if (event.kind === 'fault') stderr.write(`${event.part}: ${event.message}\n`);
      if (event.kind !== 'phase' || event.phase !== 'stopped' || told.has(event.part)) return;
      told.add(event.part);
      stdout.write(`${event.part} has stopped\n`);
    });
    if (answer === null) return false;
    if (supervisor !== null) await ended(supervisor);
    stdout.write('everything has stopped\n');
    return true;
  } finally {
    process.off('SIGINT', hasten);
  }
}

/** Whoever types `yard down` finds no process of the yard afterwards, the supervisor's own included. */
async function ended(supervisor: ProcessIdentity): Promise<void> {
  for (let waitedMs = 0; isAlive(supervisor) && waitedMs < SUPERVISOR_END_MS; waitedMs += SUPERVISOR_POLL_MS)
    await pause(SUPERVISOR_POLL_MS);
}
