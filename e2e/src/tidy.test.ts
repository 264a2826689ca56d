/** The rules of the house, as tests: floors, barrels, names, sizes, undeclared imports, domain words in the kit. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';

const ROOT = path.resolve(import.meta.dirname, '../..');
const tracked = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(path.join(ROOT, file)));
const sources = tracked.filter((file) => /\.tsx?$/.test(file) && !file.endsWith('.d.ts'));
const product = sources.filter((file) => !/\.(?:test|contract)\.tsx?$/.test(file) && !/\/test-/.test(file));
const text = new Map<string, string>();
const read = (file: string): string => {
  let content = text.get(file);
  if (content === undefined) text.set(file, (content = readFileSync(path.join(ROOT, file), 'utf8')));
  return content;
};

/** Every module that a file imports, static or dynamic. */
function importsOf(file: string): string[] {
  return [
    ...read(file).matchAll(
      /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s*['"]([^'"]+)['"]|(?:^|\n)\s*import\s*['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g,
    ),
  ].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

/** `services/users/src/x.ts` -> `services/users`; `kit/src/x.ts` -> `kit`. */
const projectOf = (file: string): string =>
  /^(?:platform|services)\//.test(file) ? file.split('/').slice(0, 2).join('/') : file.split('/')[0]!;
const PROJECT_OF_PACKAGE: Readonly<Record<string, string>> = {
  contracts: 'contracts',
  kit: 'kit',
  registry: 'platform/registry',
  gateway: 'platform/gateway',
  yard: 'platform/yard',
  users: 'services/users',
  feeds: 'services/feeds',
  front: 'services/front',
  demo: 'demo',
  e2e: 'e2e',
  bench: 'bench',
};
const floorOf = (project: string): number => {
  if (project.startsWith('platform/') || project.startsWith('services/')) return 2;
  return ['contracts', 'kit', '', 'demo', 'e2e', 'bench'].indexOf(project);
};

function violations(files: readonly string[], check: (file: string) => string[]): string[] {
  return files.flatMap((file) => check(file).map((fault) => `${file}: ${fault}`));
}

test('dependencies run downwards only, and platform and services never import each other', () => {
  const faults = violations(sources, (file) => {
    const from = projectOf(file);
    return importsOf(file).flatMap((specifier) => {
      const own = /^@switchyard\/([a-z0-9-]+)/.exec(specifier)?.[1];
      const to =
        own === undefined
          ? specifier.startsWith('.')
            ? projectOf(path.normalize(path.join(path.dirname(file), specifier)))
            : from
          : PROJECT_OF_PACKAGE[own]!;
      if (to === from) return [];
      if (specifier.startsWith('.')) return [`leaves its project by a relative path: ${specifier}`];
      // The yard starts the registry and the gateway that were packed with it; it resolves their entry, and imports nothing of them.
      return floorOf(to) < floorOf(from) ? [] : [`${from} may not import ${to}`];
    });
  });
  assert.deepEqual(faults, []);
});

test('every import is declared in the package.json of its own project', () => {
  const builtin = new Set(builtinModules);
  const faults = violations(sources, (file) => {
    const manifest = JSON.parse(read(`${projectOf(file)}/package.json`)) as Record<
      string,
      Record<string, string> | undefined
    > & { name: string };
    const isProduct = product.includes(file) && !/\/web\//.test(file) && floorOf(projectOf(file)) < 3;
    const declared = new Set([
      ...Object.keys(manifest.dependencies ?? {}),
      ...Object.keys(manifest.peerDependencies ?? {}),
      ...(isProduct ? [] : Object.keys(manifest.devDependencies ?? {})),
    ]);
    return importsOf(file)
      .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .map((specifier) =>
        specifier
          .split('/')
          .slice(0, specifier.startsWith('@') ? 2 : 1)
          .join('/'),
      )
      .filter((name) => name !== manifest.name && !declared.has(name) && !declared.has(`@types/${name}`))
      .map((name) => (builtin.has(name) ? `write node:${name}` : `${name} is not declared`));
  });
  assert.deepEqual(faults, []);
});

test('no file only re-exports', () => {
  const faults = violations(product, (file) => {
    const code = read(file)
      .replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')
      .split(/;|\n(?=export|import)/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
    return code.length > 0 && code.every((line) => /^export\s[^=]*\sfrom\s|^export \* /.test(line))
      ? ['is a barrel']
      : [];
  });
  assert.deepEqual(faults, []);
});

test('no folder or file is named util, common, helper, manager, base or misc', () => {
  const faults = tracked.filter(
    (file) =>
      /(?:^|[/.-])(?:utils?|common|helpers?|managers?|base|misc|index)(?:[/-]|\.tsx?$)/.test(file) &&
      /\.tsx?$/.test(file),
  );
  assert.deepEqual(faults, []);
});

test('every source file opens with a sentence on what it owns', () => {
  const faults = sources.filter((file) => !/^(?:#![^\n]*\n)?\/\*\*[\s\S]+?\*\//.test(read(file)));
  assert.deepEqual(faults, []);
});

test('no product file is longer than 400 lines', () => {
  const faults = violations(product, (file) => {
    const lines = read(file).split('\n').length;
    return lines > 400 ? [`${lines} lines`] : [];
  });
  assert.deepEqual(faults, []);
});

test('no folder of sources holds more than 16 product files', () => {
  const perFolder = new Map<string, number>();
  for (const file of product) perFolder.set(path.dirname(file), (perFolder.get(path.dirname(file)) ?? 0) + 1);
  assert.deepEqual(
    [...perFolder].filter(([, count]) => count > 16),
    [],
  );
});

test('the kit knows no word of the domain', () => {
  const faults = violations(
    product.filter((file) => file.startsWith('kit/')),
    (file) =>
      [...read(file).matchAll(/\b(?:friends?|friendships?|posts?|feeds?|comments?|likes?|timelines?|handles?)\b/gi)]
        .map((match) => match[0])
        .filter(
          (word) => !['handle', 'handles', 'comment', 'comments', 'like', 'feeds', 'post'].includes(word.toLowerCase()),
        )
        .map((word) => `says "${word}"`),
  );
  assert.deepEqual(faults, []);
});

test('contracts import nothing but zod and each other', () => {
  const faults = violations(
    sources.filter((file) => file.startsWith('contracts/') && product.includes(file)),
    (file) => importsOf(file).filter((specifier) => specifier !== 'zod' && !/^\.\/[a-z-]+\.ts$/.test(specifier)),
  );
  assert.deepEqual(faults, []);
});

test('domain folders import no framework, no SQL client and no HTTP', () => {
  const faults = violations(
    product.filter((file) => file.includes('/src/domain/')),
    (file) =>
      importsOf(file).filter((specifier) =>
        /^(?:express|pg|rxjs|undici|node:http|@nestjs\/|@switchyard\/kit\/(?:nest|http|postgres)\/)/.test(specifier),
      ),
  );
  assert.deepEqual(faults, []);
});

test('only store folders hold SQL', () => {
  const faults = violations(
    product.filter((file) => file.startsWith('services/') && !/\/store\//.test(file)),
    (file) =>
      /\b(?:SELECT\s[\s\S]{0,200}?\sFROM|INSERT INTO|UPDATE\s+\w+\s+SET|DELETE FROM)\b/.test(read(file))
        ? ['holds SQL']
        : [],
  );
  assert.deepEqual(faults, []);
});

test('every dependency is pinned to an exact version', () => {
  const faults = tracked
    .filter((file) => /(?:^|\/)package\.json$/.test(file))
    .flatMap((file) => {
      const manifest = JSON.parse(read(file)) as Record<string, Record<string, string> | undefined>;
      return ['dependencies', 'devDependencies', 'peerDependencies', 'optionalDependencies'].flatMap((kind) =>
        Object.entries(manifest[kind] ?? {})
          .filter(([, version]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(version))
          .map(([name, version]) => `${file}: ${name} ${version}`),
      );
    });
  assert.deepEqual(faults, []);
});

test('nothing is left open in the code, and no test is switched off', () => {
  const open = new RegExp(`\\b(?:${['TO,DO', 'FIX,ME', 'XX,X', 'HA,CK'].join('|').replaceAll(',', '')})\\b`);
  const faults = violations(sources, (file) => {
    const switchedOff = /\b(?:test|it|describe)\.(?:only|todo)\(/.exec(read(file));
    return [...(open.exec(read(file)) ?? []), ...(switchedOff ?? [])].map((found) => `has ${found}`);
  });
  assert.deepEqual(faults, []);
});

test('every file and folder that a document of the house names is there', () => {
  const documents = tracked.filter((file) =>
    /^(?:[A-Z]+|decisions\/[^/]+|[^/]+\/README|[^/]+\/[^/]+\/README)\.md$/.test(file),
  );
  const faults = documents.flatMap((file) =>
    [
      ...read(file).matchAll(
        /`((?:contracts|kit|platform|services|demo|e2e|bench|bin|docs|decisions)\/[A-Za-z0-9_./-]*[A-Za-z0-9_/])`/g,
      ),
    ]
      .map((match) => match[1]!)
      .filter(
        (named) =>
          !/(?:^|\/)dist\//.test(named) &&
          !existsSync(path.join(ROOT, named)) &&
          !tracked.some((one) => one.startsWith(`${named}-`)),
      )
      .map((named) => `${file}: ${named}`),
  );
  assert.deepEqual(faults, []);
});
