/** Puts Feeds together out of its parts: the one place where they meet, for main.ts and for tests. */
import { usersEvents } from '@switchyard/contracts/users-events';
import type { Clock } from '@switchyard/kit/clock';
import { systemClock } from '@switchyard/kit/clock';
import { deadLetterRoutes } from '@switchyard/kit/events/dead-letter-routes';
import { EventConsumer } from '@switchyard/kit/events/consumer';
import { EventLog } from '@switchyard/kit/events/event-log';
import { eventLogRoutes } from '@switchyard/kit/events/event-log-routes';
import type { EventTransport } from '@switchyard/kit/events/event-transport';
import { eventMigrations } from '@switchyard/kit/events/migrations';
import { createServiceApplication } from '@switchyard/kit/nest/create-service-application';
import type { ServiceApplication } from '@switchyard/kit/nest/create-service-application';
import { openDatabase } from '@switchyard/kit/postgres/database';
import type { Database } from '@switchyard/kit/postgres/database';
import { openPipelines } from '@switchyard/kit/postgres/pipelined-database';
import { migrate } from '@switchyard/kit/postgres/migrate';
import type { Assembled, ServiceParts } from '@switchyard/kit/run-service';
import { EraseAccounts } from './commands/erase-accounts.ts';
import { DeleteComment } from './commands/delete-comment.ts';
import { DeletePost } from './commands/delete-post.ts';
import { EditPost } from './commands/edit-post.ts';
import { FanOutPosts } from './commands/fan-out-posts.ts';
import { LikePost } from './commands/like-post.ts';
import { ReconcileTimelines } from './commands/reconcile-timelines.ts';
import { ResolveMentions } from './commands/resolve-mentions.ts';
import { WriteComment } from './commands/write-comment.ts';
import { WritePost } from './commands/write-post.ts';
import { asyncApi, openApi } from './documents.ts';
import { CHANNEL, readNotice } from './domain/channels.ts';
import type { PeopleDirectory } from './domain/people-directory.ts';
import { CommentsController } from './http/comments-controller.ts';
import { FeedController } from './http/feed-controller.ts';
import { PostsController } from './http/posts-controller.ts';
import { applyUsersEvent } from './messages/apply-users-event.ts';
import { BackgroundWork } from './messages/background-work.ts';
import { FeedStreams } from './queries/feed-streams.ts';
import { ListComments } from './queries/list-comments.ts';
import { ListPosts } from './queries/list-posts.ts';
import { ReadFeed } from './queries/read-feed.ts';
import { ReadPost } from './queries/read-post.ts';

export interface FeedsParts extends Pick<
  ServiceParts,
  'environment' | 'log' | 'lifecycle' | 'identity' | 'serviceTokens' | 'metrics' | 'otherIsLive'
> {
  readonly databaseUrl: string;
  /** Brings Users' events. */
  readonly transport: EventTransport;
  readonly directory: PeopleDirectory;
  readonly clock?: Clock;
}

export interface AssembledFeeds extends Assembled {
  readonly listener: ServiceApplication['listener'];
  readonly db: Database;
  readonly consumer: EventConsumer<typeof usersEvents>;
}

const POOL_MAX = 10;
/** Posts that are written within this time of each other are fanned out by one transaction. */
const FAN_OUT_GATHER_MS = 15;
const MENTIONS_POLL_MS = 5_000;
/** Streams end within this time of a stop. */
const STREAMS_SPREAD_MS = 1_000;

export async function assembleFeeds(parts: FeedsParts): Promise<AssembledFeeds> {
  const { log, lifecycle, metrics } = parts;
  const clock = parts.clock ?? systemClock;
  const db = openDatabase({ url: parts.databaseUrl, log, poolMax: POOL_MAX, applicationName: 'feeds' });
  lifecycle.onStop('database', () => db.close());
  const reads = openPipelines({ url: parts.databaseUrl, log, applicationName: 'feeds reads' });
  lifecycle.onStop('reads', () => reads.close());
  await migrate(db, [eventMigrations, new URL('../migrations/', import.meta.url)], log, { signal: lifecycle.signal });

  const mentions = new ResolveMentions(db, parts.directory, log);
  const work = backgroundWork(parts, db, clock, mentions);
  const streams = new FeedStreams(db, clock, log, metrics);
  await db.listen(CHANNEL, (payload) => {
    for (const notice of readNotice(payload)) {
      if (notice.about === 'posts') streams.newPosts(notice.authorIds);
      else for (const one of Object.values(work)) one.wake();
    }
  });
  lifecycle.onStop('background work', () => Promise.all(Object.values(work).map((one) => one.stop())).then(() => {}));
  for (const one of Object.values(work)) one.start();

  const consumer = new EventConsumer({
    db,
    transport: parts.transport,
    producer: 'users',
    contracts: usersEvents,
    apply: applyUsersEvent,
    standsBack: parts.otherIsLive,
    log,
    metrics,
  });
  consumer.start();
  lifecycle.onStop('consumer of users', () => consumer.stop());

  const events = new EventLog(db);
  lifecycle.onStop('event log', () => events.close());
  const provide = <T>(provided: new (...from: never[]) => T, value: T) => ({ provide: provided, useValue: value });
  const { listener } = await createServiceApplication({
    module: {
      controllers: [PostsController, CommentsController, FeedController],
      providers: [
        provide(WritePost, new WritePost(db, mentions, () => work.fanOut.wake())),
        provide(EditPost, new EditPost(db, mentions)),
        provide(DeletePost, new DeletePost(db)),
        provide(LikePost, new LikePost(db)),
        provide(WriteComment, new WriteComment(db)),
        provide(DeleteComment, new DeleteComment(db)),
        provide(ReadFeed, new ReadFeed(reads)),
        provide(ListPosts, new ListPosts(reads)),
        provide(ReadPost, new ReadPost(reads)),
        provide(ListComments, new ListComments(reads)),
        provide(FeedStreams, streams),
      ],
    },
    parts,
    before: [
      eventLogRoutes({ log: events, serviceTokens: parts.serviceTokens, signal: lifecycle.signal }),
      deadLetterRoutes({ db, serviceTokens: parts.serviceTokens }),
    ],
  });
  return {
    db,
    consumer,
    listener,
    checks: [{ name: 'database', check: () => db.check() }],
    openApi,
    asyncApi,
    onDrain: () => streams.drain(STREAMS_SPREAD_MS),
  };
}

function backgroundWork({ log, metrics }: FeedsParts, db: Database, clock: Clock, mentions: ResolveMentions) {
  const fanOut = new FanOutPosts(db, metrics);
  const reconcile = new ReconcileTimelines(db);
  const erase = new EraseAccounts(db);
  const run = (name: string, round: BackgroundWorkRound, more: { gatherMs?: number; pollMs?: number } = {}) =>
    new BackgroundWork({ name, round, clock, log, ...more });
  return {
    fanOut: run('fan-out', () => fanOut.round(), { gatherMs: FAN_OUT_GATHER_MS }),
    reconcile: run('reconciliation', () => reconcile.round()),
    erase: run('erasure', () => erase.round()),
    mentions: run('mentions', async () => ((await mentions.catchUp()) ? 'more' : 'done'), { pollMs: MENTIONS_POLL_MS }),
  };
}
type BackgroundWorkRound = ConstructorParameters<typeof BackgroundWork>[0]['round'];
