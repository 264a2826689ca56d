/** The text of `switchyard.yaml` as a plain value, and where in the text each part of it stands. */
import { isUtf8 } from 'node:buffer';
import { readFileSync, statSync } from 'node:fs';
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, YAMLError } from 'yaml';
import { pathText } from './yard-fault.ts';
import type { YardFault, YardPath } from './yard-fault.ts';

/** A yard file is read into memory at once; nobody writes one this long by hand. */
export const YARD_FILE_MAX_BYTES = 262_144;
/** Uses of anchors, counted with what they expand to: stops a "billion laughs" file. */
const ALIASES_MAX = 100;

export interface Place {
  readonly line: number;
  readonly column: number;
}

export interface YardSource {
  readonly file: string;
  /** What the file says: objects, lists, texts, numbers. Keys without a value are left out, except in `env`. */
  readonly value: unknown;
  /** Place of the value at `path`, or of its key; where there is none, of what encloses it. */
  place(path: YardPath, of: 'key' | 'value'): Place;
  /** Whether something is written at `path`. */
  has(path: YardPath): boolean;
}

/** Reads the file; every fault of its bytes, its text and its YAML. */
export function readYardSource(file: string): { source: YardSource } | { faults: YardFault[] } {
  const bytes = readBytes(file);
  if ('fault' in bytes) return { faults: [bytes.fault] };
  return parseYardSource(file, bytes.bytes);
}

/** The same for bytes that were read already. */
export function parseYardSource(file: string, bytes: Buffer): { source: YardSource } | { faults: YardFault[] } {
  const whole = (message: string, place: Place = { line: 1, column: 1 }): { faults: YardFault[] } => ({
    faults: [{ file, ...place, at: '', message }],
  });
  if (bytes.length > YARD_FILE_MAX_BYTES) {
    return whole(`has ${bytes.length} bytes; must have at most ${YARD_FILE_MAX_BYTES}`);
  }
  if (!isUtf8(bytes)) return whole('is not UTF-8 text; save it as UTF-8', placeOfBrokenUtf8(bytes));
  const text = new TextDecoder().decode(bytes);
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.exec(text);
  const lines = new LineCounter();
  let document: Document;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true, logLevel: 'error' });
  } catch (error) {
    return whole(`cannot be read as YAML: ${deepOr(error)}`);
  }
  if (control !== null) {
    return whole(
      `has a control character (U+${control[0].codePointAt(0)!.toString(16).padStart(4, '0').toUpperCase()}); remove it`,
      at(lines, control.index),
    );
  }
  const broken = [...document.errors, ...document.warnings];
  if (broken.some((error) => error.message.includes('call stack'))) return whole(TOO_DEEP);
  if (broken.length > 0) return { faults: eachLineOnce(broken.map((error) => yamlFault(file, lines, error))) };
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    return whole('is empty; must have services (yard init writes a first one)');
  }
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIASES_MAX });
  } catch (error) {
    return whole(`cannot be read as YAML: ${deepOr(error)}`, placeOfAlias(lines, text, error));
  }
  return { source: sourceOf(file, document, lines, withoutNulls(value, 0, false)) };
}

function readBytes(file: string): { bytes: Buffer } | { fault: YardFault } {
  const fault = (message: string, hint?: string): { fault: YardFault } => ({
    fault: { file, line: 0, column: 0, at: '', message, ...(hint === undefined ? {} : { hint }) },
  });
  try {
    const stat = statSync(file);
    if (!stat.isFile()) return fault('is not a file');
    if (stat.size > YARD_FILE_MAX_BYTES) {
      return fault(`has ${stat.size} bytes; must have at most ${YARD_FILE_MAX_BYTES}`);
    }
    return { bytes: readFileSync(file) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return fault('does not exist', 'yard init writes a first one');
    if (code === 'EACCES' || code === 'EPERM') return fault('may not be read by you; check its permissions');
    return fault(`cannot be read: ${message}`);
  }
}

const at = (lines: LineCounter, offset: number): Place => {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
};

function placeOfBrokenUtf8(bytes: Buffer): Place {
  let line = 1;
  let start = 0;
  for (let end = bytes.indexOf(10); ; end = bytes.indexOf(10, start)) {
    if (!isUtf8(bytes.subarray(start, end === -1 ? bytes.length : end))) return { line, column: 1 };
    if (end === -1) return { line, column: 1 };
    start = end + 1;
    line += 1;
  }
}

/** The parser recurses, so that a thousand open brackets exhaust the stack. */
const TOO_DEEP = 'cannot be read as YAML: it is nested too deeply';
const deepOr = (error: unknown): string =>
  error instanceof RangeError ? TOO_DEEP.replace(/^.*: /, '') : (error as Error).message;

function placeOfAlias(lines: LineCounter, text: string, error: unknown): Place | undefined {
  const name = /^Unresolved alias .*: (\S+)$/.exec((error as Error).message)?.[1];
  return name === undefined ? undefined : at(lines, Math.max(0, text.indexOf(`*${name}`)));
}

const YAML_HINTS: Partial<Record<YAMLError['code'], string>> = {
  TAB_AS_INDENT: 'indent by spaces',
  DUPLICATE_KEY: 'write each key once',
  MULTIPLE_DOCS: 'one document, without a second ---',
  BLOCK_AS_IMPLICIT_KEY: 'quote a text that has ": " in it',
};

function yamlFault(file: string, lines: LineCounter, error: YAMLError): YardFault {
  const hint = YAML_HINTS[error.code];
  return {
    file,
    ...at(lines, error.pos[0]),
    at: '',
    message: `not YAML: ${error.message}`,
    ...(hint === undefined ? {} : { hint }),
  };
}

/** One fault of the syntax draws others after it. */
const eachLineOnce = (faults: readonly YardFault[]): YardFault[] =>
  faults.filter((fault, index) => faults.findIndex((other) => other.line === fault.line) === index).slice(0, 20);

/** `routes:` with nothing after it means "none written"; in `env` it is kept, because an empty variable must be meant. */
function withoutNulls(value: unknown, depth: number, keepNulls: boolean): unknown {
  if (depth > 8 || value === null || typeof value !== 'object' || Array.isArray(value)) return value;
  const kept: [string, unknown][] = [];
  for (const [key, item] of Object.entries(value)) {
    if (item === null && !keepNulls) continue;
    kept.push([key, withoutNulls(item, depth + 1, depth === 2 && key === 'env')]);
  }
  return Object.fromEntries(kept);
}

function sourceOf(file: string, document: Document, lines: LineCounter, value: unknown): YardSource {
  return {
    file,
    value,
    has: (path) => {
      let inner: unknown = value;
      for (const part of path) {
        if (inner === null || typeof inner !== 'object' || !Object.hasOwn(inner, part)) return false;
        inner = (inner as Record<string | number, unknown>)[part];
      }
      return true;
    },
    place: (path, of) => {
      let node: Node | null = document.contents;
      let offset = node?.range?.[0] ?? 0;
      for (const [depth, part] of path.entries()) {
        const next = step(document, node, part);
        if (next === null) break;
        const last = depth === path.length - 1;
        offset = (last && of === 'key' ? next.key : (next.value ?? next.key))?.range?.[0] ?? offset;
        // what encloses a missing value is named by its key, not by the place of its first entry
        if (!last && step(document, next.value, path[depth + 1]!) === null) offset = next.key?.range?.[0] ?? offset;
        node = next.value;
      }
      return at(lines, offset);
    },
  };
}

function step(
  document: Document,
  node: Node | null,
  part: string | number,
): { key: Node | null; value: Node | null } | null {
  const inner = node !== null && isAlias(node) ? (node.resolve(document) ?? null) : node;
  if (isMap(inner)) {
    for (const pair of inner.items) {
      if (isScalar(pair.key) && String(pair.key.value) === String(part)) {
        return { key: pair.key, value: (pair.value as Node | null) ?? null };
      }
    }
    return null;
  }
  if (isSeq(inner) && typeof part === 'number') {
    const item = (inner.items[part] as Node | undefined) ?? null;
    return item === null ? null : { key: item, value: item };
  }
  return null;
}

/** A fault at `path` of the file. */
export function faultAt(
  source: YardSource,
  path: YardPath,
  fault: { message: string; read?: string | undefined; hint?: string | undefined; of?: 'key' | 'value' },
): YardFault {
  return {
    file: source.file,
    ...source.place(path, fault.of ?? 'value'),
    at: pathText(path),
    ...(fault.read === undefined ? {} : { read: fault.read }),
    message: fault.message,
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
  };
}
