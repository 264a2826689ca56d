/** What one can do about another person, by what one is to them: add, take back, accept, decline, end. */
import { useState } from 'react';
import { ApiError } from '../api/call.ts';
import { friends as calls } from '../api/calls.ts';
import type { Direction, User } from '../api/calls.ts';
import { explain } from '../api/explain.ts';
import { Confirm } from '../controls/confirm.tsx';
import { useFeed } from '../feed/feed-provider.tsx';
import { useWords } from '../state/preferences.ts';
import { toast } from '../state/toasts.ts';
import { useRequests } from '../friends/requests-provider.tsx';

export type Friendship = User['friendship'];

interface RelationProps {
  readonly person: { readonly id: string; readonly handle: string; readonly name: string };
  readonly friendship: Friendship;
  /** The request, where the list already has it; else it is looked up. */
  readonly requestId?: string;
  readonly onChange: (friendship: Friendship) => void;
  /** Whether an existing friendship can be ended here; elsewhere it is only named. */
  readonly canEnd?: boolean;
}

export function RelationButtons({ person, friendship, requestId, onChange, canEnd = false }: RelationProps) {
  const words = useWords();
  const feed = useFeed();
  const requests = useRequests();
  const [busy, setBusy] = useState(false);
  const [ending, setEnding] = useState(false);
  const { relation } = words;

  const act = async (work: () => Promise<Friendship>) => {
    if (busy) return;
    setBusy(true);
    try {
      const next = await work();
      onChange(next);
      if (next === 'friends') {
        feed.befriended();
        toast('done', relation.nowFriends(person.name));
      }
      requests.refresh();
    } catch (error) {
      toast('failed', explain(error, words));
    }
    setBusy(false);
  };
  const idOf = async (direction: Direction) => requestId ?? (await requestWith(person.handle, direction));

  const ask = async (): Promise<Friendship> => {
    try {
      const asked = await calls.ask(person.handle);
      if (asked.status === 'friends') return 'friends';
    } catch (error) {
      const code = error instanceof ApiError ? error.code : '';
      if (code === 'USERS_ALREADY_FRIENDS') return 'friends';
      if (code !== 'USERS_ALREADY_REQUESTED') throw error;
    }
    toast('done', relation.asked(person.name));
    return 'outgoing';
  };

  switch (friendship) {
    case 'self':
      return <span className="muted">{relation.self}</span>;
    case 'none':
      return (
        <button
          type="button"
          className="primary"
          aria-label={relation.addWho(person.name)}
          aria-disabled={busy}
          onClick={() => void act(ask)}
        >
          {relation.add}
        </button>
      );
    case 'outgoing':
      return (
        <button
          type="button"
          aria-label={relation.cancelWho(person.name)}
          aria-disabled={busy}
          onClick={() => void act(() => drop(idOf('outgoing')))}
        >
          {relation.cancel}
        </button>
      );
    case 'incoming':
      return (
        <span className="actions">
          <button
            type="button"
            className="primary"
            aria-label={relation.acceptWho(person.name)}
            aria-disabled={busy}
            onClick={() => void act(() => accept(idOf('incoming')))}
          >
            {relation.accept}
          </button>
          <button
            type="button"
            aria-label={relation.declineWho(person.name)}
            aria-disabled={busy}
            onClick={() => void act(() => drop(idOf('incoming')))}
          >
            {relation.decline}
          </button>
        </span>
      );
    case 'friends':
      return canEnd ? (
        <>
          <button type="button" onClick={() => setEnding(true)}>
            {relation.unfriend}
          </button>
          {ending ? (
            <Confirm
              title={relation.unfriendTitle(person.name)}
              body={relation.unfriendBody}
              confirm={relation.unfriend}
              onClose={() => setEnding(false)}
              onConfirm={async () => {
                await calls.end(person.handle).catch((error: unknown) => {
                  if (!(error instanceof ApiError && error.code === 'USERS_NOT_FRIENDS')) throw error;
                });
                feed.parted(person.handle);
                onChange('none');
                toast('done', relation.ended(person.name));
              }}
            />
          ) : null}
        </>
      ) : (
        <span className="tag">{relation.friends}</span>
      );
  }
}

async function accept(id: Promise<string | null>): Promise<Friendship> {
  const known = await id;
  if (known === null) return 'none';
  await calls.accept(known);
  return 'friends';
}

/** A request that is not there any more is as good as dropped. */
async function drop(id: Promise<string | null>): Promise<Friendship> {
  const known = await id;
  if (known === null) return 'none';
  await calls.drop(known).catch((error: unknown) => {
    if (!(error instanceof ApiError && error.status === 404)) throw error;
  });
  return 'none';
}

const LOOKED_THROUGH_MAX = 20;

/** The id of the open request with somebody; a profile says only that there is one. */
async function requestWith(handle: string, direction: Direction): Promise<string | null> {
  let cursor: string | undefined;
  for (let page = 0; page < LOOKED_THROUGH_MAX; page += 1) {
    const { items, nextCursor } = await calls.requests(direction, { cursor, limit: 100 });
    const found = items.find((request) => (direction === 'incoming' ? request.from : request.to).handle === handle);
    if (found !== undefined) return found.id;
    if (nextCursor === null) return null;
    cursor = nextCursor;
  }
  return null;
}
