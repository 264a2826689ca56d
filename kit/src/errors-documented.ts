/** Proves that a README and a registry of errors agree. */
import { STATUS_OF } from './errors.ts';
import type { ErrorRegistry } from './errors.ts';

/**
 * What is wrong with the table of codes in a README, a line a fault; empty when they agree. A row is
 * `| \`FEEDS_POST_UNKNOWN\` | 404 | … |`: each code has one, with its status, and there is none for a code that is not defined. Rows
 * without a status, such as of variables of the environment, are not meant.
 */
export function undocumentedErrors(readme: string, registry: ErrorRegistry): string[] {
  const rows = new Map<string, string>();
  for (const [, code, rest] of readme.matchAll(/^\|\s*`([A-Z][A-Z0-9_]*)`\s*\|(.*)$/gm)) rows.set(code!, rest!);
  const defined = Object.values(registry);
  const prefix = defined[0]?.code.split('_', 1)[0];
  const faults = defined.flatMap(({ code, kind }) => {
    const row = rows.get(code);
    if (row === undefined) return [`${code} is not in the README`];
    return new RegExp(`(?<!\\d)${STATUS_OF[kind]}(?!\\d)`).test(row)
      ? []
      : [`${code}: the README does not say that it is answered with ${STATUS_OF[kind]}`];
  });
  const codes = new Set(defined.map(({ code }) => code));
  const unknown = [...rows].filter(
    ([code, rest]) => code.startsWith(`${prefix}_`) && !codes.has(code) && /^\s*\d{3}\b/.test(rest),
  );
  return [...faults, ...unknown.map(([code]) => `${code} is in the README and not defined`)];
}
