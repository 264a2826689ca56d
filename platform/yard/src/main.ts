/** Entry of `yard`: gives the command line the real process, and the process its exit code. */
import pico from 'picocolors';
import { runCommandLine } from './cli.ts';
import { EXIT } from './command.ts';

const { stdin, stdout, stderr, env } = process;
// isTTY is undefined where there is no terminal, and the library takes that for its own guess (colours wherever CI is set)
const isColoured = stdout.isTTY ? (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb' : false;

// A reader that went away (`yard logs | head`) ends a command quietly; a supervisor goes on without one, also when its terminal is gone.
const isSupervisor = process.argv[2] === 'up' || process.argv[2] === 'supervise';
for (const stream of [stdout, stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (isSupervisor) return;
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    throw error;
  });
}

process.exitCode = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env,
  stdin,
  stdout,
  stderr,
  colours: pico.createColors(isColoured),
});
