/** A session store for tests of the gateway alone: one person, families of refresh tokens, as the contract says. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TestContext } from 'node:test';
import type { GrantedSession } from '@switchyard/contracts/session';
import { uuidv7 } from '@switchyard/kit/ids';
import { startUpstream } from './test-yard.ts';
import type { TestUpstream } from './test-yard.ts';

export const PASSWORD = 'correct horse battery';

/** So few that several answers are needed to tell all. */
const ENDED_AT_ONCE = 2;

const REFUSED: [number, unknown] = [401, { code: 'USERS_REFRESH_REFUSED' }];

interface Family {
  readonly sessionId: string;
  generation: number;
  hasEnded: boolean;
}

export class TestSessionStore {
  readonly user = { id: uuidv7(), handle: 'ada', name: 'Ada Lovelace' };
  readonly calls: string[] = [];
  readonly tokens: (string | undefined)[] = [];
  /** How often a refresh token got a new successor. */
  rotations = 0;
  /** A token that was rotated leads to its successor again, until the grace is over: then it ends its family. */
  isGraceOver = false;
  /** Answers this to everything, when not 0. */
  failWith = 0;
  /** What a call waits for after it has been decided, and before it is answered; false: its connection breaks instead. */
  beforeAnswer: (path: string) => Promise<boolean> = () => Promise.resolve(true);
  private readonly families = new Map<string, Family>();
  private readonly ended: string[] = [];
  private readonly waiting = new Set<(call: string) => void>();
  upstream!: TestUpstream;

  static async start(context: TestContext, port = 0): Promise<TestSessionStore> {
    const store = new TestSessionStore();
    store.upstream = await startUpstream(context, (request, response) => void store.answer(request, response), port);
    return store;
  }

  /** The refresh token of a session that was opened some time ago. */
  newFamily(): string {
    return this.grant({ sessionId: uuidv7(), generation: 0, hasEnded: false }).refreshToken;
  }

  /** As when somebody changes a password elsewhere. */
  endFamily(sessionId: string): void {
    for (const family of this.families.values()) if (family.sessionId === sessionId) family.hasEnded = true;
    this.ended.push(sessionId);
  }

  /** The next call whose path begins like this. */
  called(path: string): Promise<void> {
    return new Promise((resolve) => {
      const hear = (call: string): void => {
        if (!call.startsWith(path)) return;
        this.waiting.delete(hear);
        resolve();
      };
      this.waiting.add(hear);
    });
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks = (await request.toArray()) as Buffer[];
    const body = chunks.length === 0 ? {} : (JSON.parse(Buffer.concat(chunks).toString()) as Record<string, string>);
    const path = request.url ?? '';
    this.calls.push(path);
    this.tokens.push(request.headers.authorization);
    const [status, answer] = this.failWith === 0 ? this.decide(path, body) : [this.failWith, { code: 'FAIL' }];
    if (!(await this.beforeAnswer(path))) {
      request.socket.destroy();
      return;
    }
    response.on('close', () => {
      for (const hear of this.waiting) hear(path);
    });
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(status === 204 ? undefined : JSON.stringify(answer));
  }

  private decide(path: string, body: Record<string, string>): [number, unknown] {
    if (path === '/internal/sessions') {
      if (body['password'] !== PASSWORD) return [401, { code: 'USERS_SIGN_IN_REFUSED' }];
      return [201, this.grant({ sessionId: uuidv7(), generation: 0, hasEnded: false })];
    }
    if (path === '/internal/sessions/refresh') {
      const token = body['refreshToken'] ?? '';
      const family = this.families.get(token);
      if (family === undefined || family.hasEnded) return REFUSED;
      if (token === tokenOf(family)) {
        family.generation += 1;
        this.rotations += 1;
      } else if (this.isGraceOver) {
        this.endFamily(family.sessionId);
        return REFUSED;
      }
      return [200, this.grant(family)];
    }
    if (path === '/internal/sessions/end') {
      for (const family of this.families.values())
        if (family.sessionId === body['sessionId'] || body['allOfUser'] === this.user.id)
          this.endFamily(family.sessionId);
      return [204, null];
    }
    const after = Number(new URL(path, 'http://x').searchParams.get('after') ?? 0);
    const sessionIds = this.ended.slice(after, after + ENDED_AT_ONCE);
    return [200, { sessionIds, cursor: String(after + sessionIds.length) }];
  }

  private grant(family: Family): GrantedSession {
    this.families.set(tokenOf(family), family);
    return {
      sessionId: family.sessionId,
      user: this.user,
      refreshToken: tokenOf(family),
      refreshExpiresInSeconds: 2_592_000,
    };
  }
}

const tokenOf = (family: Family): string => `refresh-${family.sessionId}-${family.generation}`;
