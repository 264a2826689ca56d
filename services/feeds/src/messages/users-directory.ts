/** Asks Users who stands behind handles, by a message over TCP. */
import { RESOLVE_HANDLES, resolvedHandles } from '@switchyard/contracts/users';
import type { Person } from '@switchyard/contracts/users';
import type { MessageClient } from '@switchyard/kit/messaging/message-client';
import type { PeopleDirectory } from '../domain/people-directory.ts';

/** As long as somebody who posts may be kept waiting for links. */
const TIMEOUT_MS = 300;

export class UsersDirectory implements PeopleDirectory {
  private readonly messages: MessageClient;
  constructor(messages: MessageClient) {
    this.messages = messages;
  }

  async resolve(viewerId: string, handles: readonly string[]): Promise<readonly Person[]> {
    const { people } = await this.messages.request({
      service: 'users',
      pattern: RESOLVE_HANDLES,
      payload: { viewerId, handles },
      answer: resolvedHandles,
      timeoutMs: TIMEOUT_MS,
    });
    return people;
  }
}
