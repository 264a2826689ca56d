/** `yard up`: run everything, in the foreground or, with -d, behind a supervisor of its own. */
import { CommandFailed, EXIT } from '../command.ts';
import type { Command, ExitCode, Invocation } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { launchSupervisor } from '../control/launch-supervisor.ts';
import { readSupervisorFile } from '../control/socket-place.ts';
import { runSupervisor } from '../supervisor/run-supervisor.ts';
import { upView } from '../terminal/up-view.ts';
import { partsOf, readYard } from './read-yard.ts';

export const upCommand: Command = {
  name: 'up',
  usage: '[-d]',
  summary: 'run everything; Ctrl-C stops it',
  details: `Builds what has changed, starts the registry, the gateway and every service, and keeps them running.
What runs already, after its supervisor was killed, is taken over as it is.
With -d it returns once everything is ready, and yard down stops it; exit code 1 if something could not be started.`,
  options: { detach: { type: 'boolean', short: 'd', help: 'run in the background; return when everything is ready' } },
  run: (invocation) => (invocation.values['detach'] === true ? detached(invocation) : foreground(invocation)),
};

async function foreground(invocation: Invocation): Promise<ExitCode> {
  const { folder, yard } = readYard(invocation);
  const { stdout, colours } = invocation;
  const view = upView(stdout, colours, partsOf(yard));
  try {
    await runSupervisor({
      folder,
      yard,
      env: invocation.env,
      onEvent: (event) => view.onEvent(event),
      onStopping: (isAgain) => {
        view.line(isAgain ? 'stopping at once' : `stopping everything ${colours.dim('(again: at once)')}`);
      },
    });
    view.close();
    stdout.write('everything has stopped\n');
    return EXIT.done;
  } finally {
    view.close();
  }
}

async function detached(invocation: Invocation): Promise<ExitCode> {
  const { folder, yard } = readYard(invocation);
  const running = await readSupervisorFile(folder);
  if (running !== null && (await askSupervisor(folder, { do: 'status' })) !== null) {
    throw new CommandFailed(
      `this yard is already up: its supervisor has pid ${running.pid}, since ${running.startedAt}`,
      {
        hint: 'yard status shows it, yard down stops it',
      },
    );
  }
  await launchSupervisor(folder, invocation.env);
  const view = upView(invocation.stdout, invocation.colours, partsOf(yard));
  try {
    const answer = await askSupervisor(folder, { do: 'follow' }, (event) => view.onEvent(event));
    if (answer === null) throw new CommandFailed('the supervisor has ended', { hint: 'yard logs yard says why' });
    return EXIT.done;
  } finally {
    view.close();
  }
}
