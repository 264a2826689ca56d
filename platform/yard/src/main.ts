/** Entry of `yard`: gives the command line the real process, and the process its exit code. */
import pico from 'picocolors';
import { runCommandLine } from './cli.ts';
import { EXIT } from './command.ts';

const { stdin, stdout, stderr, env } = process;
const isColoured = Boolean(stdout.isTTY) && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';

// A reader that went away (`yard logs | head`) ends the command quietly.
stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  cwd: process.cwd(),
  env,
  stdin,
  stdout,
  stderr,
  colours: pico.createColors(isColoured),
});
