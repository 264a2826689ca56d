/** The message pattern users.resolve-handles over real TCP, as another service's client sends it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ClientTCP } from '@nestjs/microservices';
import { RESOLVE_HANDLES, resolvedHandles } from '@switchyard/contracts/users';
import { firstValueFrom, timeout } from 'rxjs';
import { startTestUsers } from '../test-users.ts';
import type { TestPerson, TestUsers } from '../test-users.ts';

let users: TestUsers;
let client: ClientTCP;
let ann: TestPerson;
before(async () => {
  users = await startTestUsers();
  client = new ClientTCP({ host: '127.0.0.1', port: users.tcpPort });
  ann = await users.signUp('ann');
  await Promise.all(['bob', 'carol', 'dave'].map((handle) => users.signUp(handle, { name: `The ${handle}` })));
});
after(async () => {
  client.close();
  await users.stop();
});

const send = (payload: unknown) => firstValueFrom(client.send(RESOLVE_HANDLES, payload).pipe(timeout(5_000)));
const resolve = async (viewer: TestPerson, handles: string[]) =>
  resolvedHandles
    .strict()
    .parse(await send({ viewerId: viewer.id, handles }))
    .people.map((person) => person.handle);

test('handles of people are resolved, others are left out, and each comes once', async () => {
  assert.deepEqual(await resolve(ann, ['bob', 'nobody_here', 'ann', 'bob']), ['ann', 'bob']);
  assert.deepEqual(await resolve(ann, []), []);
});

test('who blocked the viewer, or was blocked, is not resolved', async () => {
  await ann.asks('PUT', '/api/users/carol/block');
  assert.deepEqual(await resolve(ann, ['bob', 'carol']), ['bob']);
  const carol = await users.db.query<TestPerson>("SELECT id FROM account WHERE handle = 'carol'");
  assert.deepEqual(await resolve(carol[0]!, ['ann', 'bob']), ['bob']);
});

test('a message that is not as agreed is refused with the problem, and the next one is answered', async () => {
  for (const payload of [{}, { viewerId: 'x', handles: [] }, { viewerId: ann.id, handles: ['NO'] }, 'x'])
    await assert.rejects(send(payload), (problem: { code: string }) => problem.code === 'REQUEST_INVALID');
  assert.deepEqual(await resolve(ann, ['dave']), ['dave']);
});
