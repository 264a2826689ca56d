/** Looks at the programs that services run by, and at the secrets they are given. */
import { existsSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { GIVEN_VARIABLES } from '@switchyard/contracts/yard-file';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { commandFault } from '../runtime/command-lookup.ts';
import { needsShell } from '../launching/command-line.ts';
import { resolveDeclared } from '../launching/environment.ts';
import { note, well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export async function examineServices(yard: YardFile, root: string, env: NodeJS.ProcessEnv): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [name, service] of Object.entries(yard.services)) {
    const dir = resolve(root, service.dir);
    const program = /^\S+/.exec(service.run.trim())?.[0] ?? '';
    const fault = needsShell(service.run) ? null : await programFault(program, dir, env);
    if (fault === null) findings.push(well(name, `runs by ${program}`));
    else if (service.build === undefined)
      findings.push(wrong(name, fault, 'install it, or correct run in switchyard.yaml'));
    else findings.push(note(name, fault, 'yard up builds before it runs; if it is still missing then, correct run'));
    const given = Object.fromEntries(GIVEN_VARIABLES.map((variable) => [variable, 'x']));
    const declared = await resolveDeclared(service.env, { inherited: env, root, given });
    if ('faults' in declared) {
      for (const missing of declared.faults) findings.push(wrong(name, missing, 'set it where you type yard up'));
    }
  }
  return findings;
}

/** `node` is always there: the yard puts its own first on the PATH, and a package's commands before that. */
async function programFault(program: string, dir: string, env: NodeJS.ProcessEnv): Promise<string | null> {
  const bins: string[] = [];
  for (let folder = dir; ; folder = dirname(folder)) {
    bins.push(join(folder, 'node_modules/.bin'));
    if (dirname(folder) === folder) break;
  }
  const path = [dirname(process.execPath), ...bins.filter((bin) => existsSync(bin)), env['PATH'] ?? ''].join(delimiter);
  return commandFault(program, dir, { PATH: path });
}
