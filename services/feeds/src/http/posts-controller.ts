/** `/api/posts`: posts themselves and likes. */
import { Controller, Delete, Get, HttpCode, Inject, Patch, Post, Put, Res } from '@nestjs/common';
import { authorQuery, writeText } from '@switchyard/contracts/feeds';
import type { Identity } from '@switchyard/contracts/identity';
import { idParams } from '@switchyard/contracts/page';
import { accepted } from '@switchyard/kit/errors';
import { Caller, ValidBody, ValidParams, ValidQuery } from '@switchyard/kit/nest/decorators';
import type { Response } from 'express';
import type { z } from 'zod';
import { DeletePost } from '../commands/delete-post.ts';
import { EditPost } from '../commands/edit-post.ts';
import { LikePost } from '../commands/like-post.ts';
import { WritePost } from '../commands/write-post.ts';
import { ListPosts } from '../queries/list-posts.ts';
import { ReadPost } from '../queries/read-post.ts';
import { answerJson } from './answer-json.ts';

type Id = z.infer<typeof idParams>;
type Text = z.infer<typeof writeText>;

@Controller('api/posts')
export class PostsController {
  private readonly writePost: WritePost;
  private readonly editPost: EditPost;
  private readonly deletePost: DeletePost;
  private readonly likePost: LikePost;
  private readonly listPosts: ListPosts;
  private readonly readPost: ReadPost;
  constructor(
    @Inject(WritePost) writePost: WritePost,
    @Inject(EditPost) editPost: EditPost,
    @Inject(DeletePost) deletePost: DeletePost,
    @Inject(LikePost) likePost: LikePost,
    @Inject(ListPosts) listPosts: ListPosts,
    @Inject(ReadPost) readPost: ReadPost,
  ) {
    this.writePost = writePost;
    this.editPost = editPost;
    this.deletePost = deletePost;
    this.likePost = likePost;
    this.listPosts = listPosts;
    this.readPost = readPost;
  }

  @Post()
  async write(@Caller() who: Identity, @ValidBody(writeText) { text }: Text, @Res() response: Response) {
    answerJson(response, await this.writePost.execute(who, text), 201);
  }

  @Get()
  async list(
    @Caller() who: Identity,
    @ValidQuery(authorQuery) query: z.infer<typeof authorQuery>,
    @Res() response: Response,
  ) {
    answerJson(response, await this.listPosts.execute(who, query.author, query));
  }

  @Get(':id')
  async read(@Caller() who: Identity, @ValidParams(idParams) { id }: Id, @Res() response: Response) {
    answerJson(response, await this.readPost.execute(who.id, id));
  }

  @Patch(':id')
  async edit(
    @Caller() who: Identity,
    @ValidParams(idParams) { id }: Id,
    @ValidBody(writeText) { text }: Text,
    @Res() response: Response,
  ) {
    answerJson(response, await this.editPost.execute(who, id, text));
  }

  @Delete(':id')
  @HttpCode(204)
  async remove(@Caller() who: Identity, @ValidParams(idParams) { id }: Id): Promise<void> {
    accepted(await this.deletePost.execute(who, id));
  }

  @Put(':id/like')
  @HttpCode(204)
  async like(@Caller() who: Identity, @ValidParams(idParams) { id }: Id): Promise<void> {
    accepted(await this.likePost.execute(who, id, true));
  }

  @Delete(':id/like')
  @HttpCode(204)
  async unlike(@Caller() who: Identity, @ValidParams(idParams) { id }: Id): Promise<void> {
    accepted(await this.likePost.execute(who, id, false));
  }
}
