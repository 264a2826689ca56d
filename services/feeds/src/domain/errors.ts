/** The refusals that belong to Feeds; each is explained in the README. */
import { defineErrors } from '@switchyard/kit/errors';

export const feedsErrors = defineErrors('FEEDS', {
  POST_UNKNOWN: { kind: 'not-found', title: 'There is no such post that you may see', retryable: false },
  COMMENT_UNKNOWN: { kind: 'not-found', title: 'There is no such comment that you may see', retryable: false },
  NOT_YOURS: { kind: 'forbidden', title: 'Only who wrote it may do that', retryable: false },
  ACCOUNT_GONE: { kind: 'unauthenticated', title: 'This account was deleted', retryable: false },
  TOO_MANY_STREAMS: { kind: 'too-many', title: 'Too many feed streams are open', retryable: true },
});
