/** HTTP of friends, friend requests and suggestions. */
import { Controller, Delete, Get, HttpCode, Inject, Post } from '@nestjs/common';
import { idParams, pageQuery } from '@switchyard/contracts/page';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import { askFriend as askFriendBody, handleParams, requestsQuery } from '@switchyard/contracts/users';
import type { FriendRequest, Suggestion, User } from '@switchyard/contracts/users';
import { accepted } from '@switchyard/kit/errors';
import type { VerifiedIdentity } from '@switchyard/kit/identity/tokens';
import { Caller, ValidBody, ValidParams, ValidQuery } from '@switchyard/kit/nest/decorators';
import type { z } from 'zod';
import type { Users } from '../commands/context.ts';
import { acceptRequest } from '../commands/friends/accept-request.ts';
import { askFriend } from '../commands/friends/ask-friend.ts';
import type { AskedFriend } from '../commands/friends/ask-friend.ts';
import { dropRequest } from '../commands/friends/drop-request.ts';
import { endFriendship } from '../commands/friends/end-friendship.ts';
import { listFriends } from '../queries/list-friends.ts';
import { listRequests } from '../queries/list-requests.ts';
import { suggestFriends } from '../queries/suggest-friends.ts';
import { USERS } from './tokens.ts';

type Id = z.infer<typeof idParams>;

@Controller('api/friends')
export class FriendsController {
  private readonly users: Users;
  constructor(@Inject(USERS) users: Users) {
    this.users = users;
  }

  @Get()
  async listFriends(@Caller() caller: VerifiedIdentity, @ValidQuery(pageQuery) asked: PageQuery): Promise<Page<User>> {
    return accepted(await listFriends(this.users.db, caller.id, asked));
  }

  @Get('suggestions')
  async suggest(
    @Caller() caller: VerifiedIdentity,
    @ValidQuery(pageQuery) asked: PageQuery,
  ): Promise<Page<Suggestion>> {
    return accepted(await suggestFriends(this.users.db, caller.id, asked));
  }

  @Get('requests')
  async listRequests(
    @Caller() caller: VerifiedIdentity,
    @ValidQuery(requestsQuery) asked: z.infer<typeof requestsQuery>,
  ): Promise<Page<FriendRequest>> {
    return accepted(await listRequests(this.users.db, caller.id, asked));
  }

  @Post('requests')
  async ask(
    @Caller() caller: VerifiedIdentity,
    @ValidBody(askFriendBody) body: z.infer<typeof askFriendBody>,
  ): Promise<AskedFriend> {
    return accepted(await askFriend(this.users, caller.id, body.handle));
  }

  @Post('requests/:id/accept')
  @HttpCode(200)
  async accept(@Caller() caller: VerifiedIdentity, @ValidParams(idParams) { id }: Id): Promise<User> {
    return accepted(await acceptRequest(this.users, caller.id, id));
  }

  @Delete('requests/:id')
  @HttpCode(204)
  async drop(@Caller() caller: VerifiedIdentity, @ValidParams(idParams) { id }: Id): Promise<void> {
    accepted(await dropRequest(this.users, caller.id, id));
  }

  @Delete(':handle')
  @HttpCode(204)
  async endFriendship(
    @Caller() caller: VerifiedIdentity,
    @ValidParams(handleParams) { handle }: z.infer<typeof handleParams>,
  ): Promise<void> {
    accepted(await endFriendship(this.users, caller.id, handle));
  }
}
