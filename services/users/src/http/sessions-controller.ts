/** HTTP of sessions, for the gateway alone. */
import { Controller, Get, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { endedQuery, endSessions as endSessionsBody, refreshRequest, signIn } from '@switchyard/contracts/session';
import type { endedSessions, GrantedSession, SignIn } from '@switchyard/contracts/session';
import { accepted } from '@switchyard/kit/errors';
import { ServiceOnly, ValidBody, ValidQuery } from '@switchyard/kit/nest/decorators';
import type { Request } from 'express';
import type { z } from 'zod';
import type { Users } from '../commands/context.ts';
import { endSessions } from '../commands/sessions/end-sessions.ts';
import { openSession } from '../commands/sessions/open-session.ts';
import { refreshSession } from '../commands/sessions/refresh-session.ts';
import { listEndedSessions } from '../queries/list-ended-sessions.ts';
import { USERS } from './tokens.ts';

@Controller('internal/sessions')
@ServiceOnly('gateway')
export class SessionsController {
  private readonly users: Users;
  constructor(@Inject(USERS) users: Users) {
    this.users = users;
  }

  @Post()
  async open(@ValidBody(signIn) body: SignIn): Promise<GrantedSession> {
    return accepted(await openSession(this.users, body));
  }

  @Post('refresh')
  @HttpCode(200)
  async refresh(
    @ValidBody(refreshRequest) body: z.infer<typeof refreshRequest>,
    @Req() { socket }: Request,
  ): Promise<GrantedSession> {
    // After a standstill the end of the connection is read in the same turn of the event loop as what the database answered.
    const isAwaited = async (): Promise<boolean> => {
      await new Promise(setImmediate);
      return !socket.destroyed && !socket.readableEnded;
    };
    return accepted(await refreshSession(this.users, body.refreshToken, isAwaited));
  }

  @Post('end')
  @HttpCode(204)
  async end(@ValidBody(endSessionsBody) which: z.infer<typeof endSessionsBody>): Promise<void> {
    await endSessions(this.users, which);
  }

  @Get('ended')
  async ended(@ValidQuery(endedQuery) asked: z.infer<typeof endedQuery>): Promise<z.infer<typeof endedSessions>> {
    return accepted(await listEndedSessions(this.users, asked.after));
  }
}
