/** `${…}` in a yard file: given variables in `run` and `env`, secrets from the environment or a file in `env` alone. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * `${PORT}` is a variable, `${env:NAME}` one of the yard's own environment, `${file:PATH}` the content of a file.
 * `$${` stands for a plain `${`.
 */
export type Reference =
  | { readonly kind: 'variable'; readonly name: string; readonly written: string }
  | { readonly kind: 'env'; readonly name: string; readonly written: string }
  | { readonly kind: 'file'; readonly path: string; readonly written: string }
  | { readonly kind: 'broken'; readonly written: string };

const REFERENCE = /\$(\$\{)|\$\{([^{}\n]*)\}|\$\{/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** A secret is a password or a key, not a database. */
export const SECRET_FILE_MAX_BYTES = 65_536;

/** Every reference of a text, in order. */
export function referencesIn(text: string): Reference[] {
  const found: Reference[] = [];
  for (const match of text.matchAll(REFERENCE)) {
    if (match[1] === undefined) found.push(referenceOf(match[2], match[0]));
  }
  return found;
}

/** Where values come from. */
export interface Sources {
  /** Variables by name, such as PORT. */
  readonly variables: Readonly<Record<string, string>>;
  /** For `${env:NAME}`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Folder that `${file:PATH}` is relative to: that of the yard file. */
  readonly folder: string;
}

/** A reference that has no value now; the message names the reference and never a value. */
export class UnfilledReference extends Error {
  constructor(written: string, why: string) {
    super(`${written} ${why}`);
    this.name = 'UnfilledReference';
  }
}

/**
 * The text with every reference replaced by its value. Values are not searched again. A file loses one line break at its end.
 *
 * @throws UnfilledReference for the first reference without a value
 */
export function fillIn(text: string, sources: Sources): string {
  return text.replaceAll(REFERENCE, (whole: string, escaped: string | undefined, inner: string | undefined) =>
    escaped === undefined ? valueOf(referenceOf(inner, whole), sources) : '${',
  );
}

function referenceOf(inner: string | undefined, written: string): Reference {
  if (inner === undefined) return { kind: 'broken', written: '${' };
  if (NAME.test(inner)) return { kind: 'variable', name: inner, written };
  const colon = inner.indexOf(':');
  const rest = inner.slice(colon + 1);
  if (inner.slice(0, colon) === 'env' && NAME.test(rest)) return { kind: 'env', name: rest, written };
  if (inner.slice(0, colon) === 'file' && rest.trim() !== '') return { kind: 'file', path: rest, written };
  return { kind: 'broken', written };
}

function valueOf(reference: Reference, sources: Sources): string {
  switch (reference.kind) {
    case 'variable': {
      if (Object.hasOwn(sources.variables, reference.name)) return sources.variables[reference.name]!;
      throw new UnfilledReference(reference.written, 'is not a variable that the yard gives');
    }
    case 'env': {
      const value = sources.environment[reference.name];
      if (value !== undefined) return value;
      throw new UnfilledReference(reference.written, `has no value: set ${reference.name} where yard is run`);
    }
    case 'file':
      return secretFile(reference.path, reference.written, sources.folder);
    case 'broken':
      throw new UnfilledReference(reference.written, 'is not a reference');
  }
}

function secretFile(path: string, written: string, folder: string): string {
  let content: Buffer;
  try {
    content = readFileSync(resolve(folder, path));
  } catch (error) {
    throw new UnfilledReference(written, `cannot be read: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}`);
  }
  if (content.length > SECRET_FILE_MAX_BYTES) {
    throw new UnfilledReference(written, `is longer than ${SECRET_FILE_MAX_BYTES} bytes`);
  }
  return content.toString('utf8').replace(/\r?\n$/, '');
}
