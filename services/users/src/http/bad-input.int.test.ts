/** Whatever is sent, the answer names the fault and nothing is half done. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { uuidv7 } from '@switchyard/kit/ids';
import { encodeCursor } from '@switchyard/kit/cursor';
import { assertNoDrift } from '@switchyard/kit/openapi';
import { mountedOperations } from '../documents.ts';
import { startTestUsers, PASSWORD } from '../test-users.ts';
import type { TestPerson, TestUsers } from '../test-users.ts';

let users: TestUsers;
let ann: TestPerson;
before(async () => {
  users = await startTestUsers();
  ann = await users.signUp('ann');
});
after(() => users.stop());

const good = { handle: 'new_one', name: 'New', email: 'new@example.org', password: PASSWORD };
const post = async (body: unknown, headers: Record<string, string> = {}) => {
  const answer = await users.ask('POST', '/api/users', { body, headers });
  return {
    status: answer.status,
    code: answer.body.code,
    at:
      answer.body.errors === undefined ? undefined : [...new Set(answer.body.errors.map((e: { at: string }) => e.at))],
  };
};

test('each fault of a body is named with its place', async () => {
  const faults: [unknown, string[]][] = [
    [{ ...good, handle: 7 }, ['body.handle']],
    [{ ...good, handle: 'No' }, ['body.handle']],
    [{ ...good, handle: 'x'.repeat(31) }, ['body.handle']],
    [{ ...good, name: '' }, ['body.name']],
    [{ ...good, name: ' \u200b ' }, ['body.name']],
    [{ ...good, name: 'x'.repeat(61) }, ['body.name']],
    [{ ...good, name: 'a\u0000b' }, ['body.name']],
    [{ ...good, name: 'a\nb' }, ['body.name']],
    [{ ...good, name: 'turned \u202e' }, ['body.name']],
    [{ ...good, name: null }, ['body.name']],
    [{ ...good, email: 'not an address' }, ['body.email']],
    [{ ...good, email: `a\u0000@example.org` }, ['body.email']],
    [{ ...good, password: 'x'.repeat(11) }, ['body.password']],
    [{ ...good, password: 'x'.repeat(129) }, ['body.password']],
    [{ ...good, password: 'with a NUL \u0000' }, ['body.password']],
    [{ handle: 1, name: 2, email: 3, password: 4 }, ['body.handle', 'body.name', 'body.email', 'body.password']],
    [{ ...good, admin: true }, ['body']],
    [[], ['body']],
    ['null', ['body']],
    ['"text"', ['body']],
    [undefined, ['body']],
  ];
  for (const [body, at] of faults)
    assert.deepEqual(await post(body), { status: 400, code: 'REQUEST_INVALID', at }, JSON.stringify(body));
  assert.equal((await ann.asks('GET', '/api/users/new_one')).status, 404);
});

test('half a surrogate pair, which a database would turn into something else, is refused', async () => {
  for (const field of ['name', 'password'])
    assert.deepEqual(await post(JSON.stringify({ ...good, [field]: 'HERE and so on' }).replace('HERE', '\\ud83d')), {
      status: 400,
      code: 'REQUEST_INVALID',
      at: [`body.${field}`],
    });
  const bio = await users.ask('PATCH', '/api/users/me', { body: '{"bio":"\\udc00"}', headers: users.identityOf(ann) });
  assert.equal(bio.status, 400);
});

test('a body that is no JSON, no UTF-8, too large or of another type gets a code of its own', async () => {
  assert.equal((await post('{"handle":')).code, 'REQUEST_NOT_JSON');
  assert.equal((await post(Buffer.from([0x7b, 0xff, 0x7d]))).code, 'REQUEST_NOT_UTF8');
  assert.deepEqual(await post({ ...good, name: 'x'.repeat(70_000) }), {
    status: 413,
    code: 'REQUEST_BODY_TOO_LARGE',
    at: undefined,
  });
  assert.deepEqual(await post('handle=x', { 'content-type': 'application/x-www-form-urlencoded' }), {
    status: 415,
    code: 'REQUEST_MEDIA_TYPE',
    at: undefined,
  });
});

test('changing nothing, or something that cannot be changed, is refused', async () => {
  for (const body of [{}, { email: 'x@example.org' }, { id: uuidv7() }, { bio: 'x'.repeat(301) }, { bio: '\u0007' }])
    assert.equal((await ann.asks('PATCH', '/api/users/me', body)).status, 400, JSON.stringify(body));
});

test('an id that was never issued is 404, what is no id is 400', async () => {
  for (const [method, tail] of [
    ['POST', '/accept'],
    ['DELETE', ''],
  ] as const) {
    const unknown = await ann.asks(method, `/api/friends/requests/${uuidv7()}${tail}`);
    assert.deepEqual([unknown.status, unknown.body.code], [404, 'USERS_REQUEST_UNKNOWN']);
    for (const id of ['1', 'me', '%00', "' OR 1=1", `${uuidv7()}x`, '00000000-0000-4000-8000-000000000000'])
      assert.equal((await ann.asks(method, `/api/friends/requests/${encodeURIComponent(id)}${tail}`)).status, 400, id);
  }
});

test('a handle that nobody has is 404, what is no handle is 400', async () => {
  assert.equal((await ann.asks('GET', '/api/users/nobody_here')).status, 404);
  for (const handle of ['AB', 'a', 'x'.repeat(31), 'a%00b', '%E0%A4%A', 'a%2Fb', '%F0%9F%98%80abc'])
    assert.equal((await ann.asks('GET', `/api/users/${handle}`)).status, 400, handle);
});

test('queries are checked: limits, unknown names, control characters', async () => {
  for (const query of [
    'limit=0',
    'limit=101',
    'limit=x',
    'limit=1.5',
    'limit=',
    'limit=1&limit=2',
    'offset=3',
    'cursor=',
  ])
    assert.equal((await ann.asks('GET', `/api/friends?${query}`)).status, 400, query);
  for (const query of ['query=%00', 'query=a%0ab', `query=${'x'.repeat(61)}`, 'query=a&query=b', 'q=a'])
    assert.equal((await ann.asks('GET', `/api/users?${query}`)).status, 400, query);
  assert.equal((await ann.asks('GET', '/api/friends/requests?direction=sideways')).status, 400);
});

test('what a person types into the search is never a pattern', async () => {
  for (const query of ['%', '_', '\\', "'", '%25_%25', '*'])
    assert.deepEqual((await ann.asks('GET', `/api/users?query=${encodeURIComponent(query)}`)).body.items, [], query);
});

test('a cursor that the list did not issue is refused, however it was forged', async () => {
  const lists: [string, (string | number)[][]][] = [
    ['/api/friends', [['friends', '\u0000'], ['friends', 7], ['friends'], ['friends', 'ann', 'x'], ['users', 'ann']]],
    [
      '/api/friends/suggestions',
      [
        ['suggestions', -1, 'ann'],
        ['suggestions', 1e99, 'ann'],
        ['suggestions', 'x', 'ann'],
      ],
    ],
    [
      '/api/friends/requests',
      [
        ['requests-incoming', 'x'],
        ['requests-outgoing', uuidv7()],
      ],
    ],
    ['/api/users/me/blocks', [['blocks', 'x']]],
    [
      '/api/users',
      [
        ['users', 'A\u0000'],
        ['friends', 'ann'],
      ],
    ],
    [
      '/api/users?query=ann',
      [
        ['users-found', '\u0000', 'ann'],
        ['users-found', '\ud800', 'ann'],
        ['users', 'ann'],
      ],
    ],
  ];
  for (const [path, keys] of lists) {
    const forged = keys.map(([list, ...key]) => encodeCursor(list as string, key));
    for (const cursor of [...forged, 'x', '%00', 'bm9uc2Vuc2U', `${forged[0]}=`, 'x'.repeat(501)]) {
      const answer = await ann.asks('GET', `${path}${path.includes('?') ? '&' : '?'}cursor=${cursor}`);
      assert.equal(answer.status, 400, `${path} ${cursor}`);
    }
  }
  assert.equal((await users.asService('GET', '/internal/sessions/ended?after=x')).status, 400);
  const tooLarge = encodeCursor('ended-sessions', ['9999999999999999999', '1']);
  assert.equal((await users.asService('GET', `/internal/sessions/ended?after=${tooLarge}`)).status, 400);
});

test('a login of any shape is refused like a wrong password', async () => {
  for (const login of ['nobody_here', 'a\u0000b', '\ud800', "' OR 1=1 --", 'x@y.z', 'ANN\u0000']) {
    const answer = await users.asService('POST', '/internal/sessions', { login, password: PASSWORD });
    assert.deepEqual([answer.status, answer.body.code], [401, 'USERS_SIGN_IN_REFUSED'], JSON.stringify(login));
  }
});

test('there is nothing at other paths, and other methods are not allowed', async () => {
  assert.equal((await ann.asks('GET', '/api/users/ann/posts')).status, 404);
  const put = await ann.asks('PUT', '/api/users');
  assert.deepEqual([put.status, put.body.code], [405, 'REQUEST_METHOD_NOT_ALLOWED']);
});

test('what is mounted is what is documented', () => {
  assertNoDrift(users.application, mountedOperations);
});
