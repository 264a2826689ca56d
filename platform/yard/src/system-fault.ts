/** What the operating system refused, as a sentence and what to do about it; pure. */
import { CommandFailed } from './command.ts';

const SQLITE_FULL = 13;

/** Null for an error that is not the system's: a fault of ours, to be seen whole. */
export function systemFault(error: unknown): CommandFailed | null {
  const { code, errcode, syscall, path, message } = error as NodeJS.ErrnoException & { readonly errcode?: number };
  const what = path ?? 'a file of the yard';
  if (code === 'ENOSPC' || code === 'EDQUOT' || errcode === SQLITE_FULL) {
    return new CommandFailed(`the disk is full: ${what} could not be written`, {
      hint: 'nothing that runs was touched; make room and try again',
      cause: error,
    });
  }
  if (syscall === undefined) return null;
  switch (code) {
    case 'EROFS':
      return new CommandFailed(`${what} is on a file system that may only be read`, {
        hint: 'a yard keeps its state beside switchyard.yaml: copy the folder to a place that can be written',
        cause: error,
      });
    case 'EACCES':
    case 'EPERM':
      return new CommandFailed(`you may not use ${what} (${code})`, {
        hint: 'a yard that was run as another user, root perhaps, belongs to that user',
        cause: error,
      });
    case 'ENOTDIR':
    case 'EEXIST':
      return new CommandFailed(`a file is where a folder must be: ${what}`, { hint: 'move it away', cause: error });
    default:
      return new CommandFailed(message, { cause: error });
  }
}
