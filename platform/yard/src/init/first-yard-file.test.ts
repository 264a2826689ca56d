/** What is recognised in a folder, and that the file made of it has no fault. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readYardText } from '../yard-file/read-yard-file.ts';
import { firstYardFile } from './first-yard-file.ts';
import { foundService } from './found-service.ts';

const folder = (files: Readonly<Record<string, string>>) => ({
  names: Object.keys(files),
  text: (name: string) => files[name] ?? '',
});

const FOUND: Readonly<Record<string, { files: Record<string, string>; run: string; build?: string }>> = {
  'a start script that is a plain command': {
    files: { 'package.json': '{"scripts":{"start":"node dist/main.js","build":"tsc"}}' },
    run: 'node dist/main.js',
    build: 'npm run build',
  },
  'a start script that is more than that': {
    files: { 'package.json': '{"scripts":{"start":"FOO=1 node a.js && echo"}}' },
    run: 'npm start',
  },
  Django: {
    files: { 'manage.py': '', '.venv': '' },
    run: '.venv/bin/python manage.py runserver ${HOST}:${PORT} --noreload',
  },
  FastAPI: {
    files: { 'main.py': 'api = FastAPI()' },
    run: 'python3 -m uvicorn main:api --host ${HOST} --port ${PORT}',
  },
  'a Python file': { files: { 'server.py': 'import http' }, run: 'python3 server.py' },
  'Spring Boot': {
    files: {
      'pom.xml':
        '<project><parent><artifactId>spring-boot-starter-parent</artifactId><version>4.0.0</version></parent><artifactId>shop</artifactId><version>1.2</version></project>',
      mvnw: '',
    },
    run: 'java -jar target/shop-1.2.jar --server.address=${HOST} --server.port=${PORT}',
    build: './mvnw -q -DskipTests package',
  },
  Go: { files: { 'go.mod': '' }, run: './service', build: 'go build -o service .' },
  Rust: {
    files: { 'Cargo.toml': '[package]\nname = "shop"\n' },
    run: 'target/release/shop',
    build: 'cargo build --release',
  },
};

for (const [name, { files, run, build }] of Object.entries(FOUND)) {
  test(`${name} is recognised`, () => {
    const found = foundService(folder(files));
    assert.equal(found?.run, run);
    assert.equal(found.build, build);
  });
}

test('a library, a broken package.json and an empty folder are no services', () => {
  for (const files of [{ 'package.json': '{"name":"library"}' }, { 'package.json': '{' }, {}, { 'README.md': '' }]) {
    assert.equal(foundService(folder(files)), null);
  }
});

test('what init writes has no fault, whatever was found', () => {
  const proposed = Object.entries(FOUND).map(([name, { files }], index) => ({
    ...foundService(folder(files))!,
    name: `${name.toLowerCase().replaceAll(/[^a-z]/g, '')}-${index}`,
    dir: '.',
  }));
  const many = Array.from({ length: 20 }, (_, index) => ({ ...proposed[index % proposed.length]!, name: `s${index}` }));
  for (const services of [[], proposed.slice(0, 1), proposed, many]) {
    const text = firstYardFile(services, 'x.json');
    const read = readYardText('switchyard.yaml', text);
    assert.deepEqual('faults' in read ? read.faults : [], [], text);
    for (const service of services) {
      assert.ok('yard' in read);
      assert.equal(read.yard.services[service.name]?.run, service.run);
    }
  }
});

test('the only service, or the one that is called like a front, gets /', () => {
  const service = { because: 'x', run: 'x', dir: '.' };
  const routes = (names: string[]) => {
    const read = readYardText(
      'switchyard.yaml',
      firstYardFile(
        names.map((name) => ({ ...service, name })),
        null,
      ),
    );
    assert.ok('yard' in read);
    return Object.values(read.yard.services).map(({ routes: [route] }) => route?.path);
  };
  assert.deepEqual(routes(['shop']), ['/']);
  assert.deepEqual(routes(['shop', 'web']), ['/shop', '/']);
  assert.deepEqual(routes(['shop', 'mail']), ['/shop', '/mail']);
});
