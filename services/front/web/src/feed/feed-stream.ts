/** The live stream of one's feed: connects, connects again with growing pauses, and says when something may have been missed. */
import { streamAddress } from '../api/call.ts';
import type { Post } from '../api/calls.ts';

const PAUSE_FIRST_MS = 600;
const PAUSE_MAX_MS = 30_000;

export interface FeedStreamEvents {
  readonly onPost: (post: Post) => void;
  /** The connection stands, for the first time or anew; what came before it may be missing. */
  readonly onOpen: (first: boolean) => void;
}

/**
 * Opens the stream; the returned function closes it. The browser itself reconnects with Last-Event-ID while the server merely hangs up
 * (a swap), after as long as the server has told it to wait; after an answer that is no stream (503, 401) it gives up, and then we begin
 * again, at first within a second, with a resync in place of the id.
 */
export function openFeedStream(path: string, events: FeedStreamEvents): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pauseMs = PAUSE_FIRST_MS;
  let connections = 0;
  let closed = false;

  const connect = () => {
    const { url, withCredentials } = streamAddress(path);
    source = new EventSource(url, { withCredentials });
    source.addEventListener('open', () => {
      pauseMs = PAUSE_FIRST_MS;
      connections += 1;
      events.onOpen(connections === 1);
    });
    source.addEventListener('post', (event: MessageEvent<string>) => {
      const post = parsed(event.data);
      if (post !== null) events.onPost(post);
    });
    source.addEventListener('error', () => {
      if (source?.readyState !== EventSource.CLOSED || closed) return;
      timer = setTimeout(connect, pauseMs * (0.5 + Math.random() / 2));
      pauseMs = Math.min(PAUSE_MAX_MS, pauseMs * 2);
    });
  };
  connect();

  return () => {
    closed = true;
    clearTimeout(timer);
    source?.close();
  };
}

function parsed(data: string): Post | null {
  try {
    const post: unknown = JSON.parse(data);
    return typeof post === 'object' && post !== null && 'id' in post && 'author' in post ? (post as Post) : null;
  } catch {
    return null;
  }
}
