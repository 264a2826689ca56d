/** `/api/feed`: the home feed, as pages and as a stream. */
import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { Identity } from '@switchyard/contracts/identity';
import { pageQuery } from '@switchyard/contracts/page';
import type { PageQuery } from '@switchyard/contracts/page';
import { accepted } from '@switchyard/kit/errors';
import { Caller, ValidQuery } from '@switchyard/kit/nest/decorators';
import type { Request, Response } from 'express';
import { decodeStreamCursor } from '../domain/stream-cursor.ts';
import { FeedStreams } from '../queries/feed-streams.ts';
import { ReadFeed } from '../queries/read-feed.ts';
import { answerJson } from './answer-json.ts';

const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store, no-transform',
  'x-accel-buffering': 'no',
};

@Controller('api/feed')
export class FeedController {
  private readonly readFeed: ReadFeed;
  private readonly streams: FeedStreams;
  constructor(@Inject(ReadFeed) readFeed: ReadFeed, @Inject(FeedStreams) streams: FeedStreams) {
    this.readFeed = readFeed;
    this.streams = streams;
  }

  @Get()
  async read(@Caller() who: Identity, @ValidQuery(pageQuery) page: PageQuery, @Res() response: Response) {
    answerJson(response, await this.readFeed.execute(who.id, page));
  }

  /** The head goes out with the first write, so that a refusal can still be answered. */
  @Get('stream')
  follow(@Caller() who: Identity, @Req() request: Request, @Res() response: Response): void {
    const last = accepted(decodeStreamCursor(request.get('last-event-id')));
    for (const [name, value] of Object.entries(STREAM_HEADERS)) response.setHeader(name, value);
    if (request.method === 'HEAD') return void response.end();
    const stream = accepted(
      this.streams.open(who.id, last, {
        write: (text) => response.write(text),
        end: () => response.end(),
        destroy: () => response.destroy(),
      }),
    );
    response.on('drain', () => stream.drained());
    response.on('close', () => stream.closed());
  }
}
