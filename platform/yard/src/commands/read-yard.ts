/** Finds the yard that a command is about and reads its file; every fault of the file is told. */
import type { YardFile } from '@switchyard/contracts/yard-file';
import { CommandFailed } from '../command.ts';
import type { Surroundings } from '../command.ts';
import { readYardFile } from '../yard-file/read-yard-file.ts';
import { faultLine } from '../yard-file/yard-fault.ts';
import { findYard, YARD_FILE } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';

export function readYard({ cwd }: Pick<Surroundings, 'cwd'>): { readonly folder: YardFolder; readonly yard: YardFile } {
  const folder = findYard(cwd);
  const read = readYardFile(folder.file);
  if ('yard' in read) return { folder, yard: read.yard };
  const lines = read.faults.map((fault) => faultLine({ ...fault, file: YARD_FILE }));
  const count = lines.length === 1 ? 'a fault' : `${lines.length} faults`;
  throw new CommandFailed(`${folder.file} has ${count}:\n${lines.join('\n')}`);
}

/** The names a progress table has, in the order in which they start. */
export function partsOf(yard: YardFile): string[] {
  const hasDatabase = Object.values(yard.services).some(({ postgres }) => postgres !== undefined);
  return [...(hasDatabase ? ['postgres'] : []), 'registry', 'gateway', ...Object.keys(yard.services)];
}
