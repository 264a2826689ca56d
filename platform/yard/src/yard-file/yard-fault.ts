/** A fault in `switchyard.yaml`: where it is, what was read and what is allowed. */

/** Path of a value inside the file: keys and list positions. */
export type YardPath = readonly (string | number)[];

export interface YardFault {
  /** The file as it was named by the caller. */
  readonly file: string;
  /** From 1. 0 when the fault is the file itself (absent, not readable). */
  readonly line: number;
  /** From 1, in UTF-16 units. 0 as with `line`. */
  readonly column: number;
  /** `services.users.ports`; empty for the file as a whole. */
  readonly at: string;
  /** What was written there, shortened; absent where nothing was, or where it may be a secret. */
  readonly read?: string;
  /** What is wrong and what is allowed. */
  readonly message: string;
  /** The key or name that was probably meant, or what to do. */
  readonly hint?: string;
}

/** `services.users.routes[0].path`; keys that are not plain words are quoted. */
export function pathText(path: YardPath): string {
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else if (/^[A-Za-z0-9_-]+$/.test(part)) text += text === '' ? part : `.${part}`;
    else text += `[${JSON.stringify(part)}]`;
  }
  return text;
}

/** One line for a terminal or an editor that understands `file:line:column`. */
export function faultLine(fault: YardFault): string {
  const where = fault.line === 0 ? fault.file : `${fault.file}:${fault.line}:${fault.column}`;
  const at = fault.at === '' ? '' : `${fault.at}: `;
  const read = fault.read === undefined ? '' : `read ${fault.read}; `;
  return `${where}: ${at}${read}${fault.message}${fault.hint === undefined ? '' : ` (${fault.hint})`}`;
}

const SHOWN_MAX = 60;

/** A value as a person would write it, at most 60 characters; safe for values that contain themselves. */
export function shown(value: unknown): string {
  const text = written(value, 0);
  return text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX - 1)}…`;
}

function written(value: unknown, depth: number): string {
  if (value === null || value === undefined) return 'nothing';
  if (typeof value === 'string') return JSON.stringify(value.slice(0, SHOWN_MAX * 2));
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint') return `${value}`;
  if (typeof value !== 'object') return typeof value;
  if (depth > 2) return '…';
  if (Array.isArray(value)) {
    return `[${value
      .slice(0, 5)
      .map((item) => written(item, depth + 1))
      .join(', ')}${value.length > 5 ? ', …' : ''}]`;
  }
  const entries = Object.entries(value).slice(0, 4);
  return `{ ${entries.map(([key, item]) => `${key}: ${written(item, depth + 1)}`).join(', ')} }`;
}
