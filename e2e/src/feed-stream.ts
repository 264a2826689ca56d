/** Reads `/api/feed/stream` as a program does, one post at a time. */
import type { Post } from '@switchyard/contracts/feeds';

export class FeedStream {
  lastEventId = '';
  /** Resolves when the other side has ended the stream. */
  readonly ended: Promise<void>;
  private readonly aborter: AbortController;
  private readonly posts: Post[] = [];
  private wake: () => void = () => {};

  private constructor(response: Response, aborter: AbortController) {
    this.aborter = aborter;
    this.ended = this.read(response).catch(() => undefined);
  }

  static async open(origin: string, token: string, lastEventId = ''): Promise<FeedStream> {
    const aborter = new AbortController();
    const response = await fetch(`${origin}/api/feed/stream`, {
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'text/event-stream',
        ...(lastEventId === '' ? {} : { 'last-event-id': lastEventId }),
      },
      signal: aborter.signal,
    });
    if (response.status !== 200) throw new Error(`the stream answered ${response.status}: ${await response.text()}`);
    return new FeedStream(response, aborter);
  }

  /** The first post that `wanted` accepts; others before it are passed over. Waits 10 s at most. */
  async next(wanted: (post: Post) => boolean): Promise<Post> {
    const deadline = performance.now() + 10_000;
    for (;;) {
      for (let post = this.posts.shift(); post !== undefined; post = this.posts.shift()) if (wanted(post)) return post;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw new Error('the post did not arrive within 10 s');
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.aborter.abort();
  }

  private async read(response: Response): Promise<void> {
    let buffered = '';
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      buffered += chunk;
      const blocks = buffered.split('\n\n');
      buffered = blocks.pop()!;
      for (const block of blocks) this.take(block);
    }
  }

  private take(block: string): void {
    const field = (name: string) =>
      block
        .split('\n')
        .find((line) => line.startsWith(`${name}:`))
        ?.slice(name.length + 1)
        .trim();
    if (field('event') !== 'post') return;
    this.lastEventId = field('id') ?? this.lastEventId;
    this.posts.push(JSON.parse(field('data')!) as Post);
    this.wake();
  }
}
