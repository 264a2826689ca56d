/** `yard up`: run everything, in the foreground or, with -d, behind a supervisor of its own. */
import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CommandFailed, EXIT } from '../command.ts';
import type { Command, ExitCode, Invocation } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { readSupervisorFile } from '../control/socket-place.ts';
import { lastLines } from '../logs/last-lines.ts';
import { makePrivateFolder } from '../state/atomic-file.ts';
import { runSupervisor } from '../supervisor/run-supervisor.ts';
import { upView } from '../terminal/up-view.ts';
import type { YardFolder } from '../yard-folder.ts';
import { partsOf, readYard } from './read-yard.ts';

const SUPERVISOR_TIMEOUT_MS = 30_000;
const POLL_MS = 30;

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
  await launchSupervisor(invocation, folder);
  const view = upView(invocation.stdout, invocation.colours, partsOf(yard));
  try {
    const answer = await askSupervisor(folder, { do: 'follow' }, (event) => view.onEvent(event));
    if (answer === null) throw new CommandFailed('the supervisor has ended', { hint: 'yard logs yard says why' });
    return EXIT.done;
  } finally {
    view.close();
  }
}

/** Resolves once the supervisor answers. What it says before that is the reason if it does not. */
async function launchSupervisor({ env }: Invocation, folder: YardFolder): Promise<void> {
  const logs = join(folder.logs, 'yard');
  await makePrivateFolder(logs);
  const logFile = join(logs, 'supervisor.log');
  const log = openSync(logFile, 'w', 0o600);
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, 'supervise'], {
    cwd: folder.root,
    env,
    detached: true,
    stdio: ['ignore', log, log],
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  child.unref();
  const deadlineMs = performance.now() + SUPERVISOR_TIMEOUT_MS;
  while (performance.now() < deadlineMs) {
    if ((await readSupervisorFile(folder))?.pid === child.pid) return;
    if (hasEnded) {
      const [first = 'the supervisor could not be started', ...rest] = await lastLines(logFile, 20);
      throw new CommandFailed(first.replace(/^yard: /, ''), rest.length === 0 ? {} : { hint: rest.join('\n') });
    }
    await pause(POLL_MS);
  }
  throw new CommandFailed(`the supervisor does not answer after ${SUPERVISOR_TIMEOUT_MS / 1_000} s`, {
    hint: `${logFile} may say why`,
  });
}
