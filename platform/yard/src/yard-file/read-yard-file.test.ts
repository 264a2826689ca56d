/** What each fault of a yard file is answered with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_SETTINGS } from '@switchyard/contracts/gateway-settings';
import { readYardText } from './read-yard-file.ts';
import { faultLine } from './yard-fault.ts';

/** `dir` is `.` throughout: the folder that the tests run in exists. */
const judge = (text: string | Buffer): string[] => {
  const read = readYardText('switchyard.yaml', text);
  return 'yard' in read ? [] : read.faults.map((fault) => faultLine(fault).replace(/^switchyard\.yaml:/, ''));
};

const GOOD = `
services:
  users:
    run: node main.js
    ports: [3010, 3020]
`;

test('a service needs only run and ports; everything else has a default', () => {
  const read = readYardText('switchyard.yaml', GOOD);
  assert.deepEqual(read, {
    yard: {
      registry: { port: 7000 },
      gateway: {
        port: 8000,
        adminPort: 8001,
        host: '127.0.0.1',
        cors: { origins: [] },
        sessions: 'users',
        settings: DEFAULT_SETTINGS,
      },
      services: {
        users: {
          dir: '.',
          run: 'node main.js',
          ports: [3010, 3020],
          instances: 1,
          needs: [],
          env: {},
          routes: [],
          startTimeoutMs: 30_000,
          stopGraceMs: 10_000,
          warm: [],
          bakeMs: 30_000,
          drainTimeoutMs: 30_000,
          revert: { minRequests: 20, errorRatio: 0.05, latencyRatio: 3 },
        },
      },
    },
  });
});

test('a byte order mark, CRLF, comments, anchors and keys without a value are fine', () => {
  assert.deepEqual(judge(`\ufeff${GOOD.replaceAll('\n', '\r\n')}`), []);
  assert.deepEqual(judge(`# hello\nregistry:\ngateway: { cors: }\n${GOOD}    needs:\n    env:\n    routes:\n`), []);
  assert.deepEqual(
    judge(
      `services:\n  a: &a { run: x, ports: [1001, 1002], env: &env { A: 1, B: true, C: "" } }\n  b: { <<: *a, ports: [1003, 1004], env: *env }\n`,
    ),
    [],
  );
});

test('durations, numbers and routes become what they mean', () => {
  const read = readYardText(
    'switchyard.yaml',
    `gateway: { port: 9000 }\n${GOOD}    startTimeout: 2m\n    stopGrace: 500ms\n    env: { N: 3, B: false }\n    routes: [/a, { path: /b, auth: required }]\n`,
  );
  assert.ok('yard' in read);
  const { users } = read.yard.services;
  assert.equal(read.yard.gateway.adminPort, 9001);
  assert.equal(users?.startTimeoutMs, 120_000);
  assert.equal(users?.stopGraceMs, 500);
  assert.deepEqual(users?.env, { N: '3', B: 'false' });
  assert.deepEqual(users?.routes, [
    { path: '/a', auth: 'optional', timeoutMs: 30_000 },
    { path: '/b', auth: 'required', timeoutMs: 30_000 },
  ]);
});

test('what a swap is told becomes what it means', () => {
  const hooks =
    '    migrate: node migrate.js --url ${DATABASE_URL}\n    contract: psql "$DATABASE_URL" -c "drop table a"\n';
  const rest =
    '    warm: [/api/users?query=a, /größe]\n    bake: 0s\n    drainTimeout: 24h\n    revert: { errorRatio: 0, minRequests: 1 }\n';
  const read = readYardText('switchyard.yaml', `${GOOD}${hooks}${rest}`);
  assert.ok('yard' in read);
  const { migrate, contract, warm, bakeMs, drainTimeoutMs, revert } = read.yard.services['users']!;
  assert.equal(migrate, 'node migrate.js --url ${DATABASE_URL}');
  assert.equal(contract, 'psql "$DATABASE_URL" -c "drop table a"');
  assert.deepEqual(warm, ['/api/users?query=a', '/größe']);
  assert.deepEqual([bakeMs, drainTimeoutMs], [0, 86_400_000]);
  assert.deepEqual(revert, { minRequests: 1, errorRatio: 0, latencyRatio: 3 });
});

const service = (lines: string) => `services:\n  users:\n    run: x\n    ports: [3010, 3020]\n${lines}`;
const two = (a: string, b: string) =>
  `services:\n  a: { run: x, ports: [3010, 3020], ${a} }\n  b: { run: x, ports: [3011, 3021], ${b} }\n`;

/** What is written -> every fault of it, with its place. */
const FAULTS: Readonly<Record<string, { yaml: string | Buffer; faults: (string | RegExp)[] }>> = {
  'an empty file': { yaml: '', faults: ['1:1: is empty; must have services (yard init writes a first one)'] },
  'only a comment': {
    yaml: '# nothing\n',
    faults: ['1:1: is empty; must have services (yard init writes a first one)'],
  },
  'a list': {
    yaml: '- a\n',
    faults: ['1:1: read ["a"]; must have services, and may have registry and gateway'],
  },
  'no services': {
    yaml: 'registry: { port: 7000 }\n',
    faults: ['1:1: services: services is missing; must be names and services'],
  },
  'services without any': {
    yaml: 'services: {}\n',
    faults: ['1:11: services: read {  }; must have at least one service'],
  },
  'a tab': {
    yaml: 'services:\n\tusers:\n',
    faults: [/^2:1: not YAML: Tabs are not allowed as indentation .*\(indent by spaces\)$/],
  },
  'broken YAML': { yaml: 'services: [a\n', faults: [/^2:1: not YAML: Flow sequence in block collection must be/] },
  'a key twice': {
    yaml: service('    run: y\n'),
    faults: ['5:5: not YAML: Map keys must be unique (write each key once)'],
  },
  'a second document': {
    yaml: `${GOOD}---\n${GOOD}`,
    faults: [/^6:1: not YAML: .*\(one document, without a second ---\)$/],
  },
  'an unknown tag': { yaml: service('    dir: !!js/function x\n'), faults: [/^5:10: not YAML: Unresolved tag/] },
  'an unknown alias': {
    yaml: service('    dir: *nowhere\n'),
    faults: [/^5:10: cannot be read as YAML: Unresolved alias/],
  },
  'bytes that are not UTF-8': {
    yaml: Buffer.concat([Buffer.from('services:\n  a: '), Buffer.from([0xff, 0xfe]), Buffer.from('\n')]),
    faults: ['2:1: is not UTF-8 text; save it as UTF-8'],
  },
  'a NUL': { yaml: service('    dir: a\u0000b\n'), faults: ['5:11: has a control character (U+0000); remove it'] },
  'a huge file': {
    yaml: `# ${'x'.repeat(300_000)}`,
    faults: ['1:1: has 300002 bytes; must have at most 262144'],
  },
  'an alias bomb': {
    yaml: `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    faults: [/^1:1: cannot be read as YAML: Excessive alias count/],
  },
  'a value that contains itself': {
    yaml: service('    env: &e { A: *e }\n'),
    faults: [/^5:18: services\.users\.env\.A: must be a text, a number, true or false/],
  },
  'ten thousand brackets': {
    yaml: '['.repeat(10_000),
    faults: [/^1:1: cannot be read as YAML: it is nested too deeply|not YAML/],
  },
  'an unknown section': {
    yaml: `servics: {}\n${GOOD}`,
    faults: ['1:1: servics: unknown key; allowed here: registry, gateway, services (did you mean services?)'],
  },
  'a service at the top': {
    yaml: `feeds: { run: x, ports: [1, 2] }\n${GOOD}`,
    faults: ['1:1: feeds: unknown key; allowed here: registry, gateway, services (a service belongs below services:)'],
  },
  'a misspelt key': {
    yaml: service('    instnaces: 2\n'),
    faults: [
      /^5:5: services\.users\.instnaces: unknown key; allowed here: dir, build, run, .* \(did you mean instances\?\)$/,
    ],
  },
  "another tool's key": {
    yaml: service('    depends_on: [x]\n    environment: {}\n    start_timeout: 3s\n'),
    faults: [
      /^5:5: .*\(did you mean needs\?\)$/,
      /^6:5: .*\(did you mean env\?\)$/,
      /^7:5: .*\(did you mean startTimeout\?\)$/,
    ],
  },
  'a misspelt key of a route': {
    yaml: service('    routes: [{ path: /a, atuh: none }]\n'),
    faults: [
      /^5:26: services\.users\.routes\[0\]\.atuh: unknown key; allowed here: path, auth, limit, timeoutMs, hedgeAfterMs, bodyLimitBytes \(did you mean auth\?\)$/,
    ],
  },
  'no run, no ports': {
    yaml: 'services:\n  users: { dir: . }\n',
    faults: [
      '2:3: services.users.run: run is missing; must be a command, such as node dist/main.js',
      '2:3: services.users.ports: ports is missing; must be two ports, such as [3010, 3020]',
    ],
  },
  'one port': {
    yaml: 'services:\n  users:\n    run: x\n    ports: 3010\n',
    faults: ['4:12: services.users.ports: read 3010; must be two ports, such as [3010, 3020]'],
  },
  'a port out of range': {
    yaml: 'services:\n  users:\n    run: x\n    ports: [3010, 70000]\n',
    faults: ['4:19: services.users.ports[1]: read 70000; must be a port: a whole number from 1 to 65535'],
  },
  'a port that is text': {
    yaml: `registry: { port: "7000" }\n${GOOD}`,
    faults: ['1:19: registry.port: read "7000"; must be a port: a whole number from 1 to 65535'],
  },
  'equal sides': {
    yaml: 'services:\n  users:\n    run: x\n    ports: [3010, 3010]\n',
    faults: ['4:19: services.users.ports[1]: read 3010; the two sides of a service need two different ports'],
  },
  'a port of two services': {
    yaml: two('ports: [3010, 3020]', 'env: {}').replace('3021', '3010').replace(', ports: [3010, 3020] }', ' }'),
    faults: [
      '3:30: services.b.ports[1]: read 3010; this port is already that of services.a.ports[0]; each must be another',
    ],
  },
  'a port of HTTPS that is taken, and files that are not there': {
    yaml: `gateway: { tls: { certificate: none.pem, key: none.key, port: 3020 } }\n${GOOD}`,
    faults: [
      '1:32: gateway.tls.certificate: read "none.pem"; the file cannot be read; must be a PEM file, relative to this one',
      '6:19: services.users.ports[1]: read 3020; this port is already that of gateway.tls.port; each must be another',
    ],
  },
  "the gateway's implied admin port": {
    yaml: 'services:\n  users:\n    run: x\n    ports: [8001, 7000]\n',
    faults: [
      '4:13: services.users.ports[0]: read 8001; this port is already that of gateway.adminPort; each must be another',
      '4:19: services.users.ports[1]: read 7000; this port is already that of registry.port; each must be another',
    ],
  },
  'no room for the admin port': {
    yaml: `gateway: { port: 65535 }\n${GOOD}`,
    faults: ['1:18: gateway.port: read 65535; leaves no port for adminPort, which is one more; write adminPort'],
  },
  'a name with capitals': {
    yaml: 'services:\n  Users: { run: x, ports: [1001, 1002] }\n',
    faults: [
      '2:3: services.Users: read "Users"; must be 1 to 40 of a-z, 0-9 and -, begin with a letter and not end with -',
    ],
  },
  'a reserved name': {
    yaml: 'services:\n  gateway: { run: x, ports: [1001, 1002] }\n',
    faults: [
      "2:3: services.gateway: is a name of the yard's own parts (registry, gateway, postgres, yard); take another",
    ],
  },
  'the name of a built-in property': {
    yaml: two('needs: [constructor]', 'needs: []'),
    faults: ['2:45: services.a.needs[0]: read "constructor"; must be a service of this file: b'],
  },
  'an unknown need': {
    yaml: 'services:\n  users: { run: x, ports: [1001, 1002] }\n  feeds: { run: x, ports: [1003, 1004], needs: [user] }\n',
    faults: ['3:49: services.feeds.needs[0]: read "user"; must be a service of this file: users (did you mean users?)'],
  },
  'needing itself': {
    yaml: service('    needs: [users]\n'),
    faults: ['5:13: services.users.needs[0]: read "users"; a service cannot need itself'],
  },
  'a circle of needs': {
    yaml: two('needs: [b]', 'needs: [a]'),
    faults: ['3:45: services.b.needs[0]: read "a"; services wait for each other in a circle: a -> b -> a'],
  },
  'a route of two services': {
    yaml: two('routes: [/api]', 'routes: [{ path: /api }]'),
    faults: ['3:46: services.b.routes[0]: read "/api"; is already a route of a; a path leads to one service'],
  },
  'a route twice': {
    yaml: two('routes: [/api, /api]', 'routes: []'),
    faults: ['2:52: services.a.routes[1]: read "/api"; is written twice'],
  },
  "the gateway's own routes": {
    yaml: two('routes: [/-/x]', 'routes: [/api/session/refresh, /api/sessions]'),
    faults: [
      '2:46: services.a.routes[0]: read "/-/x"; paths below /-/ belong to the gateway',
      '3:46: services.b.routes[0]: read "/api/session/refresh"; /api/session belongs to the gateway',
      '3:68: services.b.routes[1]: read "/api/sessions"; /api/sessions belongs to the gateway',
    ],
  },
  'a route with a slash at its end': {
    yaml: service('    routes: [/api/]\n'),
    faults: [
      '5:14: services.users.routes[0]: read "/api/"; must be an absolute path such as /api/users, without a trailing slash',
    ],
  },
  'an unknown kind of auth': {
    yaml: service('    routes: [{ path: /a, auth: maybe }]\n'),
    faults: ['5:32: services.users.routes[0].auth: read "maybe"; must be one of required, optional, none'],
  },
  'a database of two services': {
    yaml: two('postgres: app', 'postgres: app'),
    faults: ['3:47: services.b.postgres: read "app"; is already the database of a; each service has one of its own'],
  },
  "the server's own database": {
    yaml: service('    postgres: postgres\n'),
    faults: [
      '5:15: services.users.postgres: read "postgres"; must not be one of the server\'s own (postgres, template0, template1, pg_…)',
    ],
  },
  'a folder that is not there': {
    yaml: service('    dir: no/such/folder\n'),
    faults: [
      '5:10: services.users.dir: read "no/such/folder"; there is no such folder; must be one, relative to this file',
    ],
  },
  'a bare number as duration': {
    yaml: service('    startTimeout: 30\n    stopGrace: 2 minutes\n'),
    faults: [
      '5:19: services.users.startTimeout: read 30; must be a duration such as 30s (100ms to 1h)',
      '6:16: services.users.stopGrace: read "2 minutes"; must be a duration such as 10s (0s to 1h)',
    ],
  },
  'a duration out of range': {
    yaml: service('    startTimeout: 2h\n'),
    faults: ['5:19: services.users.startTimeout: read "2h"; must be a duration such as 30s (100ms to 1h)'],
  },
  'too many instances': {
    yaml: service('    instances: 33\n'),
    faults: ['5:16: services.users.instances: read 33; must be a whole number from 1 to 32'],
  },
  'a star as origin': {
    yaml: `gateway: { cors: { origins: ["*", http://localhost:3333/] } }\n${GOOD}`,
    faults: [
      /^1:30: gateway\.cors\.origins\[0\]: read "\*"; must be an exact origin/,
      /^1:35: gateway\.cors\.origins\[1\]: read "http:\/\/localhost:3333\/"; must be an exact origin/,
    ],
  },
  'an unknown service for sessions': {
    yaml: `gateway: { sessions: usres }\n${GOOD}`,
    faults: ['1:22: gateway.sessions: read "usres"; must be a service of this file: users (did you mean users?)'],
  },
  'an unknown variable': {
    yaml: service('    env: { A: "${PROT}", B: "${A}" }\n').replace('run: x', 'run: node main.js ${PROT} ${HOME}'),
    faults: [
      /^3:10: services\.users\.run: read \$\{PROT\}; the yard gives no such variable; it gives HOST, PORT, .*, A, B \(did you mean \$\{PORT\}\?\)$/,
      /^3:10: services\.users\.run: read \$\{HOME\}; .*\(write \$HOME to leave it to a shell\)$/,
      /^5:15: services\.users\.env\.A: read \$\{PROT\}; .*\(did you mean \$\{PORT\}\?\)$/,
      /^5:29: services\.users\.env\.B: read \$\{A\}; .*\(write \$\{env:A\} for one of the yard's own environment\)$/,
    ],
  },
  'a secret in a command': {
    yaml: service('').replace('run: x', 'run: node main.js ${env:KEY}'),
    faults: [
      '3:10: services.users.run: read ${env:KEY}; a command can be read by everybody on this machine; give the secret a name in env',
    ],
  },
  'a quote that is not closed': {
    yaml: service('').replace('run: x', `run: node -e 'x`),
    faults: [`3:10: services.users.run: read "node -e 'x"; a quote (') is not closed`],
  },
  'a hook that cannot be run': {
    yaml: service("    migrate: node -e 'x\n    contract: node contract.js ${DATABASE} ${env:KEY}\n"),
    faults: [
      `5:14: services.users.migrate: read "node -e 'x"; a quote (') is not closed`,
      /^6:15: services\.users\.contract: read \$\{DATABASE\}; the yard gives no such variable; it gives HOST, .*$/,
      '6:15: services.users.contract: read ${env:KEY}; a command can be read by everybody on this machine; give the secret a name in env',
    ],
  },
  'an empty hook': {
    yaml: service('    migrate: ""\n    contract: [node, contract.js]\n'),
    faults: [
      '5:14: services.users.migrate: read ""; must be a command, such as node dist/migrate.js',
      '6:15: services.users.contract: read ["node", "contract.js"]; must be a command, such as node dist/contract.js',
    ],
  },
  'a path to warm that is none': {
    yaml: service('    warm: [api/users, http://localhost/x, "/a b"]\n'),
    faults: [
      '5:12: services.users.warm[0]: read "api/users"; must be a path that begins with /, such as /health/ready',
      '5:23: services.users.warm[1]: read "http://localhost/x"; must be a path that begins with /, such as /health/ready',
      '5:43: services.users.warm[2]: read "/a b"; must be a path that begins with /, such as /health/ready',
    ],
  },
  'a variable in a path to warm': {
    yaml: service('    warm: [/a, "/x?of=${DEPLOYMENT_ID}"]\n'),
    faults: [
      '5:16: services.users.warm[1]: read "/x?of=${DEPLOYMENT_ID}"; is asked as it is written: no variable is filled in',
    ],
  },
  'warming that is no list': {
    yaml: service('    warm: /a\n'),
    faults: ['5:11: services.users.warm: read "/a"; must be a list of paths, such as [/api/users?query=a]'],
  },
  'a bake and a drain out of range': {
    yaml: service('    bake: 25h\n    drainTimeout: 30\n'),
    faults: [
      '5:11: services.users.bake: read "25h"; must be a duration such as 30s (0s to 24h)',
      '6:19: services.users.drainTimeout: read 30; must be a duration such as 30s (0s to 24h)',
    ],
  },
  'limits that judge nothing': {
    yaml: service('    revert: { minRequests: 0, errorRatio: 5, latencyRatio: 0.5, latency: 3 }\n'),
    faults: [
      '5:28: services.users.revert.minRequests: read 0; must be a whole number from 1 to 1000000',
      '5:43: services.users.revert.errorRatio: read 5; must be a number from 0 to 1',
      '5:60: services.users.revert.latencyRatio: read 0.5; must be a number from 1 to 1000',
      /^5:65: services\.users\.revert\.latency: unknown key; allowed here: minRequests, errorRatio, latencyRatio/,
    ],
  },
  "another tool's key for a swap": {
    yaml: service('    migrations: x\n    warmup: []\n    rollback: {}\n    drain: 3s\n'),
    faults: [
      /^5:5: .*\(did you mean migrate\?\)$/,
      /^6:5: .*\(did you mean warm\?\)$/,
      /^7:5: .*\(did you mean revert\?\)$/,
      /^8:5: .*\(did you mean drainTimeout\?\)$/,
    ],
  },
  'a given variable that is set': {
    yaml: service('    env: { PORT: 1, HOST: 0.0.0.0 }\n'),
    faults: ['5:12: services.users.env.PORT: is given by the yard and cannot be set'],
  },
  'a broken reference': {
    yaml: service('    env: { A: "s3cret-${env:}", B: "${file:}", C: "${x y}" }\n'),
    faults: [
      '5:15: services.users.env.A: read ${env:}; must be ${NAME}, ${env:NAME} or ${file:PATH}',
      '5:36: services.users.env.B: read ${file:}; must be ${NAME}, ${env:NAME} or ${file:PATH}',
      '5:51: services.users.env.C: read ${x y}; must be ${NAME}, ${env:NAME} or ${file:PATH}',
    ],
  },
  'a variable without a value': {
    yaml: service('    env: { A: , B: [1] }\n'),
    faults: [
      '5:15: services.users.env.A: must be a text, a number, true or false (write "" for an empty one)',
      '5:20: services.users.env.B: must be a text, a number, true or false (write "" for an empty one)',
    ],
  },
  'a bad name of a variable': {
    yaml: service('    env: { "A-B": 1 }\n'),
    faults: ['5:12: services.users.env.A-B: read "A-B"; must be letters, digits and _, and not begin with a digit'],
  },
};

for (const [name, { yaml, faults }] of Object.entries(FAULTS)) {
  test(`${name} is named with its place and what is allowed`, () => {
    const found = judge(yaml);
    assert.equal(found.length, faults.length, found.join('\n'));
    for (const [index, expected] of faults.entries()) {
      if (typeof expected === 'string') assert.equal(found[index]!.trimStart(), expected);
      else assert.match(found[index]!, expected);
    }
  });
}

test('a typo in one place does not hide the faults of another', () => {
  const found = judge(
    `gateway: { prot: 1 }\nservices:\n  a: { run: x, ports: [3010, nope], needs: [zz], instnaces: 3 }\n  b: { ports: [8000, 3021], postgres: x, dir: nowhere }\n  c: { run: x, ports: [3012, 3022], postgres: x }\n`,
  );
  assert.deepEqual(
    found.map((line) => line.replace(/^(\d+):\d+: ([^:]+):.*$/, '$1 $2')),
    [
      '1 gateway.prot',
      '3 services.a.ports[1]',
      '3 services.a.needs[0]',
      '3 services.a.instnaces',
      '4 services.b.run',
      '4 services.b.ports[0]',
      '4 services.b.dir',
      '5 services.c.postgres',
    ],
  );
});

test('a value of env is never repeated in a fault', () => {
  const found = judge(service('    env: { PASSWORD: [hunter2], OTHER: "hunter2 ${nope}" }\n')).join('\n');
  assert.equal(found.split('\n').length, 2);
  assert.ok(!found.includes('hunter2'), found);
});

test('a line for a shell, and variables in their places, have no fault', () => {
  const env = '    env: { A: "${PORT} ${env:HOME} ${file:x} ${", HOST: 0.0.0.0 }\n';
  assert.deepEqual(
    judge(service(env).replace('run: x', () => 'run: cd x && exec node main.js $HOME ${HOME:-x} ${PORT} ${A}')),
    [],
  );
  assert.deepEqual(judge(service(env).replace('run: x', () => 'run: node main.js ${PORT} ${A}')), []);
});
