/** Finds the yard that a command is about and reads its file; every fault of the file is told. */
import type { YardFile } from '@switchyard/contracts/yard-file';
import type { Surroundings } from '../command.ts';
import { yardOrFail } from '../yard-file/read-yard-file.ts';
import { findYard } from '../yard-folder.ts';
import type { YardFolder } from '../yard-folder.ts';

export function readYard({ cwd }: Pick<Surroundings, 'cwd'>): { readonly folder: YardFolder; readonly yard: YardFile } {
  const folder = findYard(cwd);
  return { folder, yard: yardOrFail(folder.file) };
}

/** The names a progress table has, in the order in which they start. */
export function partsOf(yard: YardFile): string[] {
  const hasDatabase = Object.values(yard.services).some(({ postgres }) => postgres !== undefined);
  return [...(hasDatabase ? ['postgres'] : []), 'registry', 'gateway', ...Object.keys(yard.services)];
}
