/** The Nest module: which controllers there are, and what they work with. */
import { Module } from '@nestjs/common';
import type { DynamicModule } from '@nestjs/common';
import type { Users } from './commands/context.ts';
import { FriendsController } from './http/friends-controller.ts';
import { SessionsController } from './http/sessions-controller.ts';
import { USERS } from './http/tokens.ts';
import { UsersController } from './http/users-controller.ts';
import { ResolveHandlesController } from './messages/resolve-handles-controller.ts';

@Module({})
// oxlint-disable-next-line typescript/no-extraneous-class -- Nest wants a class to name a module by
class UsersModule {}

export const usersModule = (users: Users): DynamicModule => ({
  module: UsersModule,
  controllers: [UsersController, FriendsController, SessionsController, ResolveHandlesController],
  providers: [{ provide: USERS, useValue: users }],
});
