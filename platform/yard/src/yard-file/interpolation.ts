/** Reads the `${…}` of a yard file: given variables in `run` and `env`, secrets from the environment or a file in `env` alone. */

/**
 * `${PORT}` is a variable, `${env:NAME}` one of the yard's own environment, `${file:PATH}` the content of a file. Anything else in
 * `${…}` is broken; a `${` that is not closed is plain text.
 */
export type Reference =
  | { readonly kind: 'variable'; readonly name: string; readonly written: string }
  | { readonly kind: 'secret'; readonly written: string }
  | { readonly kind: 'broken'; readonly written: string };

const REFERENCE = /\$\{([^{}\n]*)\}/g;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const SECRET = /^(?:env:[A-Za-z_][A-Za-z0-9_]*|file:.*\S.*)$/;

/** Every reference of a text, in order. Filling them in is the supervisor's business (supervisor/environment.ts). */
export function referencesIn(text: string): Reference[] {
  return [...text.matchAll(REFERENCE)].map(([written, inner = '']) => {
    if (NAME.test(inner)) return { kind: 'variable', name: inner, written };
    return { kind: SECRET.test(inner) ? 'secret' : 'broken', written };
  });
}
