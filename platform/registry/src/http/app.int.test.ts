/** The registry over HTTP: what it answers to whom, and what it refuses. */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { problem } from '@switchyard/contracts/problem';
import { registryOperations } from '@switchyard/contracts/registry';
import { assertNoDrift } from '@switchyard/kit/openapi';
import { createLogger } from '@switchyard/kit/log';
import { aboutOperations, openApi } from '../documents.ts';
import { OPERATOR_TOKEN, RegistryProcess } from '../testing/registry-process.ts';
import { createApp } from './app.ts';
import { Credentials } from './credentials.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const OPERATOR = { ...JSON_TYPE, authorization: `Bearer ${OPERATOR_TOKEN}` };

/** Status and code of the problem that a request is answered with. */
async function refusalOf(answer: Response): Promise<string> {
  assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/);
  const said = problem.parse(await answer.json());
  assert.equal(said.status, answer.status);
  return `${said.status} ${said.code}`;
}

/** The first line of the answer to a request written by hand. */
function statusLineOf(port: number, head: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(head));
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
      if (!text.includes('\r\n')) return;
      socket.destroy();
      resolve(text.slice(0, text.indexOf('\r\n')));
    });
    socket.on('error', reject);
  });
}

test('registering, renewing, reading and removing an instance, as curl would', async (t) => {
  const registry = await RegistryProcess.start(t);
  const put = (path: string, body?: unknown) =>
    registry.request(path, {
      method: 'PUT',
      ...(body === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(body) }),
    });
  const first = await put('/v1/instances/b-1', { service: 'blog', port: 4000, routes: ['/blog'] });
  assert.equal(first.status, 201);
  assert.deepEqual(Object.keys((await first.json()) as object), ['id', 'leaseMs', 'revision']);
  assert.equal((await put('/v1/instances/b-1', { service: 'blog', port: 4000, routes: ['/blog'] })).status, 200);
  assert.equal((await put('/v1/instances/b-1/lease')).status, 200);
  const table = await registry.anybody.readTable();
  assert.equal(table.services['blog']?.deployments['blog-1']?.routes[0]?.path, '/blog');
  assert.equal((await registry.request('/v1/instances/b-1', { method: 'DELETE' })).status, 204);
  assert.equal(await refusalOf(await put('/v1/instances/b-1/lease')), '404 REGISTRY_INSTANCE_UNKNOWN');
  assert.equal(
    await refusalOf(await registry.request('/v1/instances/b-1', { method: 'DELETE' })),
    '404 REGISTRY_INSTANCE_UNKNOWN',
  );
});

test('whatever is wrong with a request, the answer names the fault and nothing changes', async (t) => {
  const registry = await RegistryProcess.start(t);
  const before = await registry.anybody.readTable();
  const put = (body: string | Buffer, type = 'application/json', path = '/v1/instances/b-1') =>
    registry.request(path, { method: 'PUT', headers: { 'content-type': type }, body });
  const good = { service: 'blog', port: 4000 };
  const invalid: readonly (readonly [object, string])[] = [
    [{ ...good, port: 70_000 }, 'body.port'],
    [{ ...good, port: '4000' }, 'body.port'],
    [{ ...good, leaseMs: 999 }, 'body.leaseMs'],
    [{ ...good, leaseMs: 3_600_001 }, 'body.leaseMs'],
    [{ ...good, service: 'Blog' }, 'body.service'],
    [{ ...good, routes: ['blog'] }, 'body.routes.0.path'],
    [{ ...good, routes: ['/-/live'] }, 'body.routes.0.path'],
    [{ ...good, health: 'health' }, 'body.health'],
    [{ port: 4000 }, 'body.service'],
    [{ ...good, colour: 'red' }, 'body'],
    [[good], 'body'],
  ];
  for (const [body, at] of invalid) {
    const answer = await put(JSON.stringify(body));
    const said = problem.parse(await answer.json());
    assert.deepEqual(
      [answer.status, said.code, said.errors?.[0]?.at],
      [400, 'REQUEST_INVALID', at],
      JSON.stringify(body),
    );
  }
  assert.equal(await refusalOf(await put('{"service":')), '400 REQUEST_NOT_JSON');
  assert.equal(await refusalOf(await put(Buffer.from([0x22, 0xff, 0x22]))), '400 REQUEST_NOT_UTF8');
  assert.equal(await refusalOf(await put(JSON.stringify(good), 'text/plain')), '415 REQUEST_MEDIA_TYPE');
  assert.equal(
    await refusalOf(await put(JSON.stringify({ ...good, zone: 'z'.repeat(20_000) }))),
    '413 REQUEST_BODY_TOO_LARGE',
  );
  assert.equal(
    await refusalOf(await put(JSON.stringify(good), undefined, '/v1/instances/a%20b')),
    '400 REQUEST_INVALID',
  );
  assert.equal(await refusalOf(await put(JSON.stringify(good), undefined, '/v1/instances/%ff')), '400 REQUEST_INVALID');
  assert.equal(await refusalOf(await registry.request('/v1/instances/b-1', { method: 'PUT' })), '400 REQUEST_INVALID');
  assert.equal(await refusalOf(await registry.request('/v1/watch?role=gateway')), '400 REQUEST_INVALID');
  assert.equal(await refusalOf(await registry.request('/v1/watch?colour=red')), '400 REQUEST_INVALID');
  assert.equal(await refusalOf(await registry.request('/v1/nothing')), '404 REQUEST_NO_ROUTE');
  const wrongMethod = await registry.request('/v1/table', { method: 'DELETE' });
  assert.equal(wrongMethod.headers.get('allow'), 'GET, HEAD');
  assert.equal(await refusalOf(wrongMethod), '405 REQUEST_METHOD_NOT_ALLOWED');
  assert.equal(
    await refusalOf(await put('{"epoch":1}', undefined, '/v1/watchers/nobody/ack')),
    '404 REGISTRY_WATCHER_UNKNOWN',
  );
  const proto = await put('{"service":"blog","port":4000,"metadata":{"__proto__":"x","constructor":"y"}}');
  assert.ok([201, 400].includes(proto.status));
  if (proto.status === 201) await registry.anybody.deregister('b-1');
  assert.deepEqual((await registry.anybody.readTable()).services, before.services);
});

test('no web page reaches it: not by another name for this machine, not by a form, not by a script', async (t) => {
  const registry = await RegistryProcess.start(t, { ALLOWED_HOSTS: 'registry.internal' });
  const { port } = registry;
  const ask = (host: string, more = '') => statusLineOf(port, `GET /v1/table HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  for (const host of ['localhost', `localhost:${port}`, '127.0.0.1', `[::1]:${port}`, 'registry.internal', '10.1.2.3'])
    assert.match(await ask(host), / 200 /, host);
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.nip.io',
    'user@localhost',
    'localhost:x',
    '',
  ])
    assert.match(await ask(host), / (?:403|400) /, host);
  for (const header of [
    'Origin: http://localhost:8000',
    'Origin: null',
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Site: same-site',
  ])
    assert.match(await ask('localhost', `${header}\r\n`), / 403 /, header);
  for (const header of ['Sec-Fetch-Site: none', 'Sec-Fetch-Site: same-origin'])
    assert.match(await ask('localhost', `${header}\r\n`), / 200 /, header);
  const body = '{"service":"x","port":1}';
  const write = (host: string, more = '') =>
    statusLineOf(
      port,
      `PUT /v1/instances/x HTTP/1.1\r\nHost: ${host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`,
    );
  assert.match(await write('10.1.2.3'), / 401 /, 'who does not name loopback is not local');
  assert.match(
    await write('localhost', 'X-Forwarded-For: 1.2.3.4\r\n'),
    / 401 /,
    'nor is who was passed on by a proxy',
  );
  assert.match(await write('localhost'), / 201 /);
});

test('tokens: the operator may do all, a service may write its own, a wrong one is refused even where none is needed', async (t) => {
  const registry = await RegistryProcess.start(t);
  const send = (method: string, path: string, token: string | null, body?: unknown) =>
    registry.request(path, {
      method,
      headers: { ...JSON_TYPE, ...(token === null ? {} : { authorization: token }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const declaration = { services: { users: { routes: ['/api/users'] } } };
  const users = `Bearer ${await registry.tokenOf('users')}`;
  for (const token of [null, users]) {
    assert.equal(
      await refusalOf(await send('PUT', '/v1/declarations', token, declaration)),
      '401 REQUEST_NOT_THE_OPERATOR',
    );
    assert.equal(await refusalOf(await send('POST', '/v1/live', token, {})), '401 REQUEST_NOT_THE_OPERATOR');
  }
  assert.equal((await send('PUT', '/v1/declarations', OPERATOR.authorization, declaration)).status, 200);
  const instance = { service: 'users', deployment: 'users-7', port: 3010 };
  const register = (token: string | null) => send('PUT', '/v1/instances/u-1', token, instance);
  assert.equal(await refusalOf(await register(null)), '409 REGISTRY_NAME_DECLARED');
  assert.equal(
    await refusalOf(await register(`Bearer ${await registry.tokenOf('feeds')}`)),
    '401 REGISTRY_TOKEN_REFUSED',
  );
  const forged = `${users.slice(0, -6)}AAAAAA`;
  for (const token of ['Bearer wrong', forged, 'Basic dXNlcnM6eA==', `Bearer ${OPERATOR_TOKEN}x`, 'Bearer ']) {
    const answer = await register(token);
    assert.equal(answer.headers.get('www-authenticate'), 'Bearer');
    assert.equal(await refusalOf(answer), '401 REGISTRY_TOKEN_REFUSED', token);
    const blog = await send('PUT', '/v1/instances/b-1', token, { service: 'blog', port: 1 });
    assert.equal(await refusalOf(blog), '401 REGISTRY_TOKEN_REFUSED', token);
  }
  assert.equal((await register(users)).status, 201);
  assert.equal(await refusalOf(await send('PUT', '/v1/instances/u-1/lease', null)), '401 REQUEST_NOT_A_SERVICE');
  assert.equal((await send('PUT', '/v1/instances/u-1/lease', users)).status, 200);
  assert.equal((await send('DELETE', '/v1/instances/u-1', OPERATOR.authorization)).status, 204);
});

test('compare-and-set answers the new epoch, or 409 with the current one', async (t) => {
  const registry = await RegistryProcess.start(t);
  const { operator } = registry;
  await operator.declare({ services: { users: {} } });
  await operator.register('u-1', { service: 'users', deployment: 'users-7', port: 3010 });
  assert.deepEqual(await operator.setLive({ changes: { users: { live: 'users-7' } }, expect: 0 }), {
    set: true,
    epoch: 1,
  });
  assert.deepEqual(await operator.setLive({ changes: { users: { live: null } }, expect: 0 }), {
    set: false,
    epoch: 1,
    because: 'epoch-moved',
  });
  const answer = await registry.request('/v1/live', {
    method: 'POST',
    headers: OPERATOR,
    body: JSON.stringify({ changes: { users: { live: null } }, expect: 5 }),
  });
  const said = (await answer.json()) as { epoch: number; code: string; status: number };
  assert.deepEqual([answer.status, said.status, said.code, said.epoch], [409, 409, 'REGISTRY_EPOCH_MOVED', 1]);
});

test('metrics and the OpenAPI document are served, and what is mounted is what is documented', async (t) => {
  const registry = await RegistryProcess.start(t);
  assert.match(await (await registry.request('/metrics')).text(), /^registry_instances 0$/m);
  assert.deepEqual(await (await registry.request('/openapi.json')).json(), JSON.parse(JSON.stringify(openApi)));
  const log = createLogger({ service: 'test', level: 'silent' });
  const nothing = (): void => {};
  const app = createApp({
    registry: {} as never,
    credentials: new Credentials({ operatorToken: '/nowhere', serviceKeys: '/nowhere' }, log),
    allowedHosts: [],
    log,
    onAnswered: nothing,
    health: nothing,
    metrics: nothing,
    openApi,
  });
  assertNoDrift(app, registryOperations, aboutOperations);
});
