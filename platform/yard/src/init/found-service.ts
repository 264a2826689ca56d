/** Recognises programs in a folder by the files they are known by, and says how each is built and run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a folder would be written into a yard file. */
export interface FoundService {
  /** What it was recognised by, for the comment beside it. */
  readonly because: string;
  readonly build?: string;
  readonly run: string;
  readonly health?: string;
}

/** The names of a folder's entries and a way to read one of its files; so that rules do no I/O of their own. */
export interface FolderContents {
  readonly names: readonly string[];
  /** Empty when there is no such file. At most 256 KiB. */
  text(name: string): string;
}

type Rule = (folder: FolderContents) => FoundService | null;

const has = (folder: FolderContents, name: string): boolean => folder.names.includes(name);

/** First match wins; more particular ones stand before those that anything could be. */
const RULES: readonly Rule[] = [django, maven, gradle, goModule, cargo, nodePackage, pythonServer, rack, nodeFile, php];

export function foundService(folder: FolderContents): FoundService | null {
  for (const rule of RULES) {
    const found = rule(folder);
    if (found !== null) return found;
  }
  return null;
}

export function folderContents(path: string, names: readonly string[]): FolderContents {
  return {
    names,
    text: (name) => {
      try {
        return readFileSync(join(path, name), 'utf8').slice(0, 262_144);
      } catch {
        return '';
      }
    },
  };
}

function django(folder: FolderContents): FoundService | null {
  if (!has(folder, 'manage.py')) return null;
  return { because: 'manage.py (Django)', run: `${python(folder)} manage.py runserver \${HOST}:\${PORT} --noreload` };
}

function maven(folder: FolderContents): FoundService | null {
  if (!has(folder, 'pom.xml')) return null;
  const pom = folder.text('pom.xml').replace(/<parent>[\s\S]*?<\/parent>|<dependencies>[\s\S]*<\/dependencies>/g, '');
  const artifact = /<artifactId>\s*([\w.-]+)\s*</.exec(pom)?.[1] ?? 'app';
  const version = /<version>\s*([\w.-]+)\s*</.exec(pom)?.[1] ?? '0.0.1-SNAPSHOT';
  const spring = folder.text('pom.xml').includes('spring-boot');
  return {
    because: `pom.xml (${spring ? 'Spring Boot' : 'Maven'})`,
    build: `${has(folder, 'mvnw') ? './mvnw' : 'mvn'} -q -DskipTests package`,
    run: `java -jar target/${artifact}-${version}.jar${spring ? ' --server.address=${HOST} --server.port=${PORT}' : ''}`,
    ...(folder.text('pom.xml').includes('spring-boot-starter-actuator') ? { health: '/actuator/health' } : {}),
  };
}

function gradle(folder: FolderContents): FoundService | null {
  const file = ['build.gradle.kts', 'build.gradle'].find((name) => has(folder, name));
  if (file === undefined) return null;
  const command = has(folder, 'gradlew') ? './gradlew' : 'gradle';
  const spring = folder.text(file).includes('springframework.boot');
  return spring
    ? {
        because: `${file} (Spring Boot)`,
        build: `${command} -q bootJar`,
        run: `${command} -q bootRun --args="--server.address=\${HOST} --server.port=\${PORT}"`,
      }
    : { because: file, build: `${command} -q build`, run: `${command} -q run` };
}

function goModule(folder: FolderContents): FoundService | null {
  return has(folder, 'go.mod') ? { because: 'go.mod', build: 'go build -o service .', run: './service' } : null;
}

function cargo(folder: FolderContents): FoundService | null {
  if (!has(folder, 'Cargo.toml')) return null;
  const name = /^\s*name\s*=\s*"([\w-]+)"/m.exec(folder.text('Cargo.toml'))?.[1];
  return name === undefined
    ? null
    : { because: 'Cargo.toml', build: 'cargo build --release', run: `target/release/${name}` };
}

function nodePackage(folder: FolderContents): FoundService | null {
  if (!has(folder, 'package.json')) return null;
  let manifest: { scripts?: Record<string, unknown>; main?: unknown };
  try {
    manifest = JSON.parse(folder.text('package.json')) as typeof manifest;
  } catch {
    return null;
  }
  const start = manifest.scripts?.['start'];
  const main = typeof manifest.main === 'string' && folder.names.includes(manifest.main) ? manifest.main : null;
  if (typeof start !== 'string' && main === null) return null;
  return {
    because: typeof start === 'string' ? 'the start script of package.json' : 'main in package.json',
    ...(typeof manifest.scripts?.['build'] === 'string' ? { build: 'npm run build' } : {}),
    // a plain command is written out, so that no npm stands between the yard and the process
    run: typeof start !== 'string' ? `node ${main}` : /^node [\w./ =-]+$/.test(start) ? start : 'npm start',
  };
}

function pythonServer(folder: FolderContents): FoundService | null {
  const file = ['main.py', 'app.py', 'server.py', 'wsgi.py'].find((name) => has(folder, name));
  if (file === undefined) return null;
  const code = folder.text(file);
  const module = file.replace(/\.py$/, '');
  const application = /^(\w+)\s*=\s*(FastAPI|Starlette|Flask)\(/m.exec(code);
  if (application === null) return { because: file, run: `${python(folder)} ${file}` };
  const [, name, framework] = application;
  return framework === 'Flask'
    ? {
        because: `${file} (Flask)`,
        run: `${python(folder)} -m flask --app ${module}:${name} run --host \${HOST} --port \${PORT}`,
      }
    : {
        because: `${file} (${framework})`,
        run: `${python(folder)} -m uvicorn ${module}:${name} --host \${HOST} --port \${PORT}`,
      };
}

/** Its own virtual environment when there is one. */
const python = (folder: FolderContents): string =>
  has(folder, '.venv') ? '.venv/bin/python' : has(folder, 'venv') ? 'venv/bin/python' : 'python3';

function rack(folder: FolderContents): FoundService | null {
  return has(folder, 'config.ru')
    ? { because: 'config.ru (Rack)', run: 'bundle exec rackup --host ${HOST} --port ${PORT}' }
    : null;
}

function nodeFile(folder: FolderContents): FoundService | null {
  const file = ['server', 'main', 'app', 'index']
    .flatMap((name) => [`${name}.js`, `${name}.mjs`, `${name}.cjs`])
    .find((name) => has(folder, name));
  return file === undefined ? null : { because: file, run: `node ${file}` };
}

function php(folder: FolderContents): FoundService | null {
  return has(folder, 'index.php') ? { because: 'index.php', run: 'php -S ${HOST}:${PORT}' } : null;
}
