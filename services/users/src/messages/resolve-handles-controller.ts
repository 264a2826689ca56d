/** The message pattern by which other services learn who is meant by a handle. */
import { Controller, Inject } from '@nestjs/common';
import { MessagePattern } from '@nestjs/microservices';
import { RESOLVE_HANDLES, resolveHandles as resolveHandlesMessage } from '@switchyard/contracts/users';
import type { ResolvedHandles, ResolveHandles } from '@switchyard/contracts/users';
import { ValidMessage } from '@switchyard/kit/nest/decorators';
import type { Users } from '../commands/context.ts';
import { USERS } from '../http/tokens.ts';
import { resolveHandles } from '../queries/resolve-handles.ts';

@Controller()
export class ResolveHandlesController {
  private readonly users: Users;
  constructor(@Inject(USERS) users: Users) {
    this.users = users;
  }

  @MessagePattern(RESOLVE_HANDLES)
  resolve(@ValidMessage(resolveHandlesMessage) asked: ResolveHandles): Promise<ResolvedHandles> {
    return resolveHandles(this.users.db, asked);
  }
}
