/** Reads `switchyard.yaml` and judges it: the yard with every default filled in, or every fault at once. */
import { basename } from 'node:path';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { CommandFailed } from '../command.ts';
import { crossCheck } from './cross-checks.ts';
import { faultLine, pathText } from './yard-fault.ts';
import type { YardFault } from './yard-fault.ts';
import { shapeYard } from './yard-shape.ts';
import { parseYardSource, readYardSource } from './yard-source.ts';
import type { YardSource } from './yard-source.ts';

export type ReadYard = { readonly yard: YardFile } | { readonly faults: readonly YardFault[] };

/** `file` is named in faults as it is given. Folders of services are looked for beside it. Never throws for what is in the file. */
export function readYardFile(file: string): ReadYard {
  const read = readYardSource(file);
  return 'faults' in read ? read : judge(read.source);
}

/** The yard, or a CommandFailed that tells every fault. */
export function yardOrFail(file: string): YardFile {
  const read = readYardFile(file);
  if ('yard' in read) return read.yard;
  const lines = read.faults.map((fault) => faultLine({ ...fault, file: basename(file) }));
  const count = lines.length === 1 ? 'a fault' : `${lines.length} faults`;
  throw new CommandFailed(`${file} has ${count}:\n${lines.join('\n')}`);
}

/** As `readYardFile`, for text that is already at hand. */
export function readYardText(file: string, text: string | Buffer): ReadYard {
  const read = parseYardSource(file, Buffer.from(text as string));
  return 'faults' in read ? read : judge(read.source);
}

function judge(source: YardSource): ReadYard {
  const { yard, unusable, faults } = shapeYard(source);
  const skip = unusable.map(pathText);
  const crossed =
    yard === null
      ? []
      : crossCheck(yard, source).filter(
          (fault) =>
            !skip.some(
              (path) => fault.at === path || fault.at.startsWith(`${path}.`) || fault.at.startsWith(`${path}[`),
            ),
        );
  const all = [...faults, ...crossed].sort((a, b) => a.line - b.line || a.column - b.column);
  return yard === null || all.length > 0 ? { faults: all } : { yard };
}
