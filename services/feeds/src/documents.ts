/** What Feeds says of itself: OpenAPI of its HTTP, AsyncAPI of its events, made from the contracts. */
import { deadLetterOperations, eventLogOperations } from '@switchyard/contracts/event';
import { feedsOperations } from '@switchyard/contracts/feeds';
import { feedsEvents } from '@switchyard/contracts/feeds-events';
import { healthOperations } from '@switchyard/contracts/health';
import { asyncApiDocument } from '@switchyard/kit/asyncapi';
import { openApiDocument } from '@switchyard/kit/openapi';
import { feedsErrors } from './domain/errors.ts';

/** Everything that the application mounts; health is the kit's. */
export const mountedOperations = { ...feedsOperations, ...eventLogOperations, ...deadLetterOperations };

const about = {
  title: 'Switchyard Feeds',
  version: '1.0.0',
  description: 'Posts, comments, likes and home feeds',
};

export const openApi = openApiDocument({
  ...about,
  operations: { ...mountedOperations, ...healthOperations },
  errors: [feedsErrors],
});

export const asyncApi = asyncApiDocument({ ...about, events: feedsEvents });
