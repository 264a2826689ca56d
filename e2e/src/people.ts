/** People for tests: fresh accounts, signed in, and what two of them do to become friends. */
import { ApiClient } from '@switchyard/demo/api-client';
import { eventually } from './yard-under-test.ts';

export interface Somebody {
  readonly id: string;
  readonly handle: string;
  readonly name: string;
  readonly password: string;
  readonly api: ApiClient;
}

let made = 0;

/** Signed up and signed in; the handle begins with `like`. */
export async function somebody(origin: string, like = 'person'): Promise<Somebody> {
  const handle = `${like}_${(made++).toString(36)}${Date.now().toString(36)}`;
  const name = `${like[0]!.toUpperCase()}${like.slice(1)} Tester`;
  const password = `correct horse ${handle}`;
  const api = new ApiClient(origin);
  const { id } = await api.signUp({ handle, name, email: `${handle}@example.org`, password });
  await api.signIn(handle, password);
  return { id, handle, name, password, api };
}

/** Friends, and both feeds know it. */
export async function befriend(a: Somebody, b: Somebody): Promise<void> {
  await a.api.call('POST', '/api/friends/requests', { handle: b.handle });
  const { items } = await b.api.call<{ items: { id: string; from: { id: string } }[] }>('GET', '/api/friends/requests');
  const request = items.find((item) => item.from.id === a.id);
  if (request === undefined) throw new Error(`${b.handle} has no request from ${a.handle}`);
  await b.api.call('POST', `/api/friends/requests/${request.id}/accept`);
  // Feeds learns of it by an event: a post of the one becomes visible to the other.
  const probe = await a.api.call<{ id: string }>('POST', '/api/posts', { text: `probe ${Date.now()}` });
  await eventually(`${b.handle} sees ${a.handle}`, () => b.api.call('GET', `/api/posts/${probe.id}`));
  await a.api.call('DELETE', `/api/posts/${probe.id}`);
}
