/** `yard check`: judge a switchyard.yaml, every fault at once. */
import { relative } from 'node:path';
import { EXIT } from '../command.ts';
import type { Command } from '../command.ts';
import { lapsedCertificate } from '../yard-file/certificate-check.ts';
import { readYardFile } from '../yard-file/read-yard-file.ts';
import { faultLine } from '../yard-file/yard-fault.ts';
import { findYard } from '../yard-folder.ts';

export const checkCommand: Command = {
  name: 'check',
  usage: '[--json]',
  summary: 'judge the switchyard.yaml: every fault with its line',
  options: { json: { type: 'boolean', help: 'answer { file, faults, services } as JSON' } },
  run: ({ cwd, values, stdout, colours }) => {
    const yard = findYard(cwd);
    const file = relative(cwd, yard.file);
    const read = readYardFile(yard.file);
    const found = 'faults' in read ? read.faults : lapsedCertificate(read.yard, yard.file, Date.now());
    const faults = found.map((fault) => ({ ...fault, file }));
    const services = 'yard' in read ? Object.keys(read.yard.services) : [];
    if (values['json'] === true) stdout.write(`${JSON.stringify({ file, faults, services })}\n`);
    else if (faults.length === 0)
      stdout.write(`${file}: ${colours.green('no fault')}; services: ${services.join(', ')}\n`);
    else {
      for (const fault of faults) stdout.write(`${faultLine(fault)}\n`);
      stdout.write(colours.red(`${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}\n`));
    }
    return Promise.resolve(faults.length === 0 ? EXIT.done : EXIT.failed);
  },
};
