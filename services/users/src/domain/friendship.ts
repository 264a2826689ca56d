/** What asking for friendship leads to, by what two people are to each other. */
import type { ErrorCode } from '@switchyard/kit/errors';
import { usersErrors } from './errors.ts';

/** What a person is to the one who asks; `incoming`: their request waits for an answer. Blocked people are not seen at all. */
export type Relation = 'none' | 'friends' | 'incoming' | 'outgoing' | 'self';

export type Asking =
  | { readonly outcome: 'request' }
  | { readonly outcome: 'befriend' }
  | { readonly outcome: 'refuse'; readonly error: ErrorCode };

const ASKING: { readonly [R in Relation]: Asking } = {
  none: { outcome: 'request' },
  incoming: { outcome: 'befriend' },
  outgoing: { outcome: 'refuse', error: usersErrors.ALREADY_REQUESTED },
  friends: { outcome: 'refuse', error: usersErrors.ALREADY_FRIENDS },
  self: { outcome: 'refuse', error: usersErrors.SELF },
};

export const askingWhen = (relation: Relation): Asking => ASKING[relation];
