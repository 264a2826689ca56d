/** HTTP of accounts, people and blocks. */
import { Controller, Delete, Get, HttpCode, Inject, Patch, Post, Put } from '@nestjs/common';
import { pageQuery } from '@switchyard/contracts/page';
import type { Page, PageQuery } from '@switchyard/contracts/page';
import {
  changePassword as changePasswordBody,
  createUser,
  deleteUser,
  handleParams,
  updateUser,
  userSearch,
} from '@switchyard/contracts/users';
import type { OwnUser, Person, User } from '@switchyard/contracts/users';
import { accepted } from '@switchyard/kit/errors';
import type { VerifiedIdentity } from '@switchyard/kit/identity/tokens';
import { Caller, ValidBody, ValidParams, ValidQuery } from '@switchyard/kit/nest/decorators';
import type { z } from 'zod';
import { changePassword } from '../commands/accounts/change-password.ts';
import { deleteAccount } from '../commands/accounts/delete-account.ts';
import { signUp } from '../commands/accounts/sign-up.ts';
import { updateProfile } from '../commands/accounts/update-profile.ts';
import type { Users } from '../commands/context.ts';
import { blockUser } from '../commands/friends/block-user.ts';
import { unblockUser } from '../commands/friends/unblock-user.ts';
import { listBlocks } from '../queries/list-blocks.ts';
import { readMe } from '../queries/read-me.ts';
import { readUser } from '../queries/read-user.ts';
import { searchUsers } from '../queries/search-users.ts';
import { USERS } from './tokens.ts';

type Handle = z.infer<typeof handleParams>;

@Controller('api/users')
export class UsersController {
  private readonly users: Users;
  constructor(@Inject(USERS) users: Users) {
    this.users = users;
  }

  @Post()
  async signUp(@ValidBody(createUser) wanted: z.infer<typeof createUser>): Promise<OwnUser> {
    return accepted(await signUp(this.users, wanted));
  }

  @Get()
  async search(
    @Caller() caller: VerifiedIdentity,
    @ValidQuery(userSearch) asked: z.infer<typeof userSearch>,
  ): Promise<Page<User>> {
    return accepted(await searchUsers(this.users.db, caller.id, asked));
  }

  @Get('me')
  async readMe(@Caller() caller: VerifiedIdentity): Promise<OwnUser> {
    return accepted(await readMe(this.users.db, caller.id));
  }

  @Patch('me')
  async updateMe(
    @Caller() caller: VerifiedIdentity,
    @ValidBody(updateUser) changes: z.infer<typeof updateUser>,
  ): Promise<OwnUser> {
    return accepted(await updateProfile(this.users, caller.id, changes));
  }

  @Delete('me')
  @HttpCode(204)
  async deleteMe(
    @Caller() caller: VerifiedIdentity,
    @ValidBody(deleteUser) body: z.infer<typeof deleteUser>,
  ): Promise<void> {
    accepted(await deleteAccount(this.users, caller.id, body.password));
  }

  @Put('me/password')
  @HttpCode(204)
  async changePassword(
    @Caller() caller: VerifiedIdentity,
    @ValidBody(changePasswordBody) passwords: z.infer<typeof changePasswordBody>,
  ): Promise<void> {
    accepted(await changePassword(this.users, { userId: caller.id, sessionId: caller.sessionId }, passwords));
  }

  @Get('me/blocks')
  async listBlocks(@Caller() caller: VerifiedIdentity, @ValidQuery(pageQuery) asked: PageQuery): Promise<Page<Person>> {
    return accepted(await listBlocks(this.users.db, caller.id, asked));
  }

  @Get(':handle')
  async readUser(@Caller() caller: VerifiedIdentity, @ValidParams(handleParams) { handle }: Handle): Promise<User> {
    return accepted(await readUser(this.users.db, caller.id, handle));
  }

  @Put(':handle/block')
  @HttpCode(204)
  async block(@Caller() caller: VerifiedIdentity, @ValidParams(handleParams) { handle }: Handle): Promise<void> {
    accepted(await blockUser(this.users, caller.id, handle));
  }

  @Delete(':handle/block')
  @HttpCode(204)
  async unblock(@Caller() caller: VerifiedIdentity, @ValidParams(handleParams) { handle }: Handle): Promise<void> {
    accepted(await unblockUser(this.users, caller.id, handle));
  }
}
