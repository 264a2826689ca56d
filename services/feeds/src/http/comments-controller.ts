/** `/api/posts/{id}/comments`. */
import { Controller, Delete, Get, HttpCode, Inject, Post, Res } from '@nestjs/common';
import { feedsOperations, writeText } from '@switchyard/contracts/feeds';
import type { Identity } from '@switchyard/contracts/identity';
import { idParams, pageQuery } from '@switchyard/contracts/page';
import type { PageQuery } from '@switchyard/contracts/page';
import { accepted } from '@switchyard/kit/errors';
import { Caller, ValidBody, ValidParams, ValidQuery } from '@switchyard/kit/nest/decorators';
import type { Response } from 'express';
import type { z } from 'zod';
import { DeleteComment } from '../commands/delete-comment.ts';
import { WriteComment } from '../commands/write-comment.ts';
import { ListComments } from '../queries/list-comments.ts';
import { answerJson } from './answer-json.ts';

type Id = z.infer<typeof idParams>;
const commentParams = feedsOperations.deleteComment.params;

@Controller('api/posts/:id/comments')
export class CommentsController {
  private readonly writeComment: WriteComment;
  private readonly deleteComment: DeleteComment;
  private readonly listComments: ListComments;
  constructor(
    @Inject(WriteComment) writeComment: WriteComment,
    @Inject(DeleteComment) deleteComment: DeleteComment,
    @Inject(ListComments) listComments: ListComments,
  ) {
    this.writeComment = writeComment;
    this.deleteComment = deleteComment;
    this.listComments = listComments;
  }

  @Get()
  async list(
    @Caller() who: Identity,
    @ValidParams(idParams) { id }: Id,
    @ValidQuery(pageQuery) page: PageQuery,
    @Res() response: Response,
  ) {
    answerJson(response, await this.listComments.execute(who.id, id, page));
  }

  @Post()
  async write(
    @Caller() who: Identity,
    @ValidParams(idParams) { id }: Id,
    @ValidBody(writeText) { text }: z.infer<typeof writeText>,
    @Res() response: Response,
  ) {
    answerJson(response, await this.writeComment.execute(who, id, text), 201);
  }

  @Delete(':commentId')
  @HttpCode(204)
  async remove(
    @Caller() who: Identity,
    @ValidParams(commentParams) { id, commentId }: z.infer<typeof commentParams>,
  ): Promise<void> {
    accepted(await this.deleteComment.execute(who, { postId: id, commentId }));
  }
}
