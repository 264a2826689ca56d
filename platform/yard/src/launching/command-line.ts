/** Turns the `run` of a service into the argument list of a process; pure. */

/** Variables by name. */
export type Variables = Readonly<Record<string, string>>;

/** What a shell would do something with: such a line is left to `sh`. */
const NEEDS_SHELL = /[|&;<>()`*?~#\n[\]!]|\$(?!\{)/;
/** Where `exec` would not stand before the whole line, or change its meaning. */
const NOT_ONE_COMMAND = /[|&;()\n`]|^\s*[A-Za-z_][A-Za-z0-9_]*=|^\s*(?:cd|export|set|ulimit|umask|exec|\.|source)\s/;
const VARIABLE = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/**
 * Words and quotes as a shell reads them, `${NAME}` filled in from `variables`. A line that has more of a shell in it (a pipe, `&&`,
 * `*`, `$NAME`) becomes `sh -c`, which finds the same variables in its environment.
 *
 * @throws Error whose message is a sentence: a variable that does not exist, a quote that is not closed
 */
export function argvOf(run: string, variables: Variables): string[] {
  if (needsShell(run)) {
    if (/\$\{(?:env|file):/.test(run)) {
      throw new Error(
        'a secret (${env:…} or ${file:…}) cannot be part of a shell line: give it a name in env, and write $NAME',
      );
    }
    return ['/bin/sh', '-c', NOT_ONE_COMMAND.test(run) || startsWithAssignment(run) ? run : `exec ${run.trim()}`];
  }
  const words = wordsOf(run).map((word) => fill(word, variables));
  if (words.length === 0) throw new Error('run is empty');
  return words;
}

function startsWithAssignment(run: string): boolean {
  return /^\s*[A-Za-z_][A-Za-z0-9_]*=/.test(run);
}

/** Quoted text is not looked at: nothing in single quotes means anything to a shell. */
export function needsShell(run: string): boolean {
  const bare = run.replaceAll(/'[^']*'/g, "''").replaceAll(/\\./g, '');
  return NEEDS_SHELL.test(bare.replaceAll(/"[^"$`]*"/g, '""')) || startsWithAssignment(run);
}

/** Replaces each `${NAME}`; the text is otherwise untouched. */
export function fill(text: string, variables: Variables): string {
  return text.replaceAll(VARIABLE, (_, name: string) => {
    if (!Object.hasOwn(variables, name)) {
      throw new Error(`there is no variable ${name}; known are ${Object.keys(variables).sort().join(', ')}`);
    }
    return variables[name]!;
  });
}

function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let index = 0; index < line.length; index += 1) {
    const char = line[index]!;
    if (quote !== null) {
      if (char === quote) quote = null;
      else if (char === '\\' && quote === '"' && /["\\$`]/.test(line[index + 1] ?? '')) word += line[(index += 1)]!;
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      word ??= '';
    } else if (char === '\\' && index + 1 < line.length) {
      word = (word ?? '') + line[(index += 1)]!;
    } else if (/\s/.test(char)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + char;
  }
  if (quote !== null) throw new Error(`a quote (${quote}) is not closed`);
  if (word !== null) words.push(word);
  return words;
}
