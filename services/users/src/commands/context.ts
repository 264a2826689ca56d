/** What every use case works with, put together once in main.ts. */
import type { Database } from '@switchyard/kit/postgres/database';
import type { Passwords } from '../domain/passwords.ts';

export interface Users {
  readonly db: Database;
  readonly passwords: Passwords;
  readonly now: () => Date;
  readonly random: (bytes: number) => Buffer;
}
