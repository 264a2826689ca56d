/** What Users says of itself: OpenAPI of its HTTP, AsyncAPI of its events and messages, made from the contracts. */
import { eventLogOperations } from '@switchyard/contracts/event';
import { healthOperations } from '@switchyard/contracts/health';
import { sessionStoreOperations } from '@switchyard/contracts/session';
import { RESOLVE_HANDLES, resolvedHandles, resolveHandles, usersOperations } from '@switchyard/contracts/users';
import { usersEvents } from '@switchyard/contracts/users-events';
import { asyncApiDocument } from '@switchyard/kit/asyncapi';
import { openApiDocument } from '@switchyard/kit/openapi';
import { usersErrors } from './domain/errors.ts';

const { open, refresh, end, ended } = sessionStoreOperations;

/** Everything that the application mounts; health is the kit's. */
export const mountedOperations = {
  ...usersOperations,
  openSession: open,
  refreshSession: refresh,
  endSessions: end,
  listEndedSessions: ended,
  ...eventLogOperations,
};

const about = {
  title: 'Switchyard Users',
  version: '1.0.0',
  description: 'People: accounts, sessions, friends and blocks',
};

export const openApi = openApiDocument({
  ...about,
  operations: { ...mountedOperations, ...healthOperations },
  errors: [usersErrors],
});

export const asyncApi = asyncApiDocument({
  ...about,
  events: usersEvents,
  messages: {
    resolveHandles: {
      pattern: RESOLVE_HANDLES,
      summary: 'Which of these handles are people whom the viewer may see',
      request: resolveHandles,
      answer: resolvedHandles,
    },
  },
});
