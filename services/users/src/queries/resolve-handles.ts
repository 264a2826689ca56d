/** Which handles are people whom somebody may see: asked by Feeds about the mentions in a post. */
import type { ResolvedHandles, ResolveHandles } from '@switchyard/contracts/users';
import type { Queryable } from '@switchyard/kit/postgres/database';
import { resolveSeen } from '../store/people.ts';
import { personOf } from './shapes.ts';

export async function resolveHandles(db: Queryable, asked: ResolveHandles): Promise<ResolvedHandles> {
  const people = await resolveSeen(db, asked.viewerId, asked.handles);
  return { people: people.map(personOf) };
}
