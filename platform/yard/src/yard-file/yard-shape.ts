/** Checks what a yard file says against its schema: each fault with its place, and what can be judged further in spite of them. */
import { yardFile } from '@switchyard/contracts/yard-file';
import type { YardFile } from '@switchyard/contracts/yard-file';
import type { z } from 'zod';
import { keysAllowedAt } from './json-schema.ts';
import { nearestName } from './nearest-name.ts';
import { shown } from './yard-fault.ts';
import type { YardFault, YardPath } from './yard-fault.ts';
import { faultAt } from './yard-source.ts';
import type { YardSource } from './yard-source.ts';

export interface ShapedYard {
  /** The whole yard, or when there are faults what is left of it with placeholders; null when nothing is. */
  readonly yard: YardFile | null;
  /** Paths that were replaced by placeholders or left out; nothing may be said about them. */
  readonly unusable: readonly YardPath[];
  readonly faults: readonly YardFault[];
}

export function shapeYard(source: YardSource): ShapedYard {
  const parsed = yardFile.safeParse(source.value);
  if (parsed.success) return { yard: parsed.data, unusable: [], faults: [] };
  const issues = parsed.error.issues;
  const faults = issues.flatMap((issue) => faultsOf(source, issue));
  const { value, unusable } = withoutIssues(source.value, issues);
  const rest = yardFile.safeParse(value);
  return { yard: rest.success ? rest.data : null, unusable, faults };
}

type Issue = z.core.$ZodIssue;

function faultsOf(source: YardSource, issue: Issue): YardFault[] {
  const path = issue.path as YardPath;
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(source, path, key));
  if (issue.code === 'invalid_key') {
    const name = String(path.at(-1));
    return [
      faultAt(source, path, { of: 'key', read: shown(name), message: issue.issues[0]?.message ?? issue.message }),
    ];
  }
  if (path.at(-1) === 'path' && typeof valueAt(source.value, path.slice(0, -1)) === 'string') {
    // a bare path, which the contract read as { path }
    return faultsOf(source, { ...issue, path: issue.path.slice(0, -1) });
  }
  if (!source.has(path)) return [missing(source, path, issue)];
  const value = valueAt(source.value, path);
  return [faultAt(source, path, { message: messageOf(issue), ...(isSecretPlace(path) ? {} : { read: shown(value) }) })];
}

function unknownKey(source: YardSource, path: YardPath, key: string): YardFault {
  const allowed = keysAllowedAt(path);
  const near = nearestName(key, allowed);
  const looksLikeService = path.length === 0 && near === null && valueLooksLikeService(source.value, key);
  return faultAt(source, [...path, key], {
    of: 'key',
    message: `unknown key; allowed here: ${allowed.join(', ')}`,
    hint:
      near === null ? (looksLikeService ? 'a service belongs below services:' : undefined) : `did you mean ${near}?`,
  });
}

const valueLooksLikeService = (value: unknown, key: string): boolean => {
  const inner = (value as Record<string, unknown>)[key];
  return typeof inner === 'object' && inner !== null && ('run' in inner || 'ports' in inner);
};

function missing(source: YardSource, path: YardPath, issue: Issue): YardFault {
  const key = String(path.at(-1));
  return faultAt(source, path, { message: `${key} is missing; ${messageOf(issue)}` });
}

const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys and values',
  record: 'keys and values',
};

/** The contract's own sentence, or one made from the issue where the contract has the library's. */
function messageOf(issue: Issue): string {
  if (issue.message.startsWith('must ') || issue.message.startsWith('paths ')) return issue.message;
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${TYPE_WORDS[issue.expected] ?? issue.expected}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'array' || issue.origin === 'string'
        ? `must have at most ${issue.maximum} ${issue.origin === 'array' ? 'entries' : 'characters'}`
        : `must be at most ${issue.maximum}`;
    default:
      return issue.message;
  }
}

/** Values of `env` may be secrets that somebody wrote in clear. */
export const isSecretPlace = (path: YardPath): boolean =>
  path[0] === 'services' && path[2] === 'env' && path.length > 3;

function valueAt(value: unknown, path: YardPath): unknown {
  let inner = value;
  for (const part of path) inner = (inner as Record<string | number, unknown> | undefined)?.[part];
  return inner;
}

/** Ports that no real service can have at the same time stand in for faulty ones. */
const PLACEHOLDERS: Readonly<Record<string, unknown>> = { run: 'true', ports: [1, 1] };

/**
 * A copy that the schema accepts, so that a typo in one place does not hide the faults of another: what has a fault is left out,
 * at the depth of a service's key (`services.users.routes`) or of a section's (`gateway.port`).
 */
function withoutIssues(value: unknown, issues: readonly Issue[]): { value: unknown; unusable: YardPath[] } {
  const unusable: YardPath[] = [];
  if (typeof value !== 'object' || value === null) return { value, unusable };
  const copy = structuredClone(value) as Record<string, unknown>;
  const drop = (path: YardPath) => {
    unusable.push(path);
    const parent = valueAt(copy, path.slice(0, -1)) as Record<string, unknown> | undefined;
    const key = String(path.at(-1));
    if (typeof parent !== 'object' || parent === null) return;
    if (path.length === 3 && path[0] === 'services' && Object.hasOwn(PLACEHOLDERS, key))
      parent[key] = PLACEHOLDERS[key];
    else delete parent[key];
  };
  for (const issue of issues) {
    const path = issue.path as YardPath;
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) drop([...path, key].slice(0, cutDepth(path)));
    } else if (issue.code === 'invalid_key' && path.length === 2) drop(path);
    else if (path.length > 0) drop(path.slice(0, cutDepth(path)));
  }
  return { value: copy, unusable };
}

const cutDepth = (path: YardPath): number => (path[0] !== 'services' ? 2 : isSecretPlace(path) ? 4 : 3);
