/** `yard doctor`: what is wrong with this machine or yard, and what to do about it. */
import { EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { examineYard } from '../doctor/examine-yard.ts';
import { findYard } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';

export const doctorCommand: Command = {
  name: 'doctor',
  usage: '[--json]',
  summary: 'what is wrong with this machine or yard, and what to do',
  details:
    'Looks at ports and who has them, programs, disk, clock, permissions and left-over processes. Changes nothing.',
  options: { json: { type: 'boolean', help: 'answer { healthy, findings } as JSON' } },
  run: async ({ cwd, env, values, stdout, colours }) => {
    const folder = yardOrNull(cwd);
    const findings = await examineYard(folder, { cwd, env, nowMs: Date.now() });
    const healthy = findings.every(({ verdict }) => verdict !== 'wrong');
    if (values['json'] === true) {
      stdout.write(`${JSON.stringify({ healthy, findings })}\n`);
      return healthy ? EXIT.done : EXIT.failed;
    }
    const marks = { well: colours.green('✔'), note: colours.yellow('!'), wrong: colours.red('✖') };
    const width = Math.max(...findings.map(({ about }) => about.length));
    for (const { about, verdict, message, advice } of findings) {
      stdout.write(`${marks[verdict]} ${about.padEnd(width)}  ${message}\n`);
      if (advice !== undefined) stdout.write(`${' '.repeat(width + 4)}${colours.dim(`-> ${advice}`)}\n`);
    }
    if (folder === null)
      stdout.write(colours.dim('There is no switchyard.yaml here or above; only the machine was looked at.\n'));
    const wrongs = findings.filter(({ verdict }) => verdict === 'wrong').length;
    stdout.write(healthy ? colours.green('nothing is wrong\n') : colours.red(`${wrongs} wrong\n`));
    return healthy ? EXIT.done : EXIT.failed;
  },
};

function yardOrNull(cwd: string): YardFolder | null {
  try {
    return findYard(cwd);
  } catch {
    return null;
  }
}
