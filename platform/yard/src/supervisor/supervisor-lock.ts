/** One supervisor for each yard: a lock that the kernel holds for as long as the process lives, and not a moment longer. */
import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Node.js has no call for file locks; SQLite, which it carries, takes one (fcntl), and no stale lock can ever be left behind. */
export class SupervisorLock {
  private readonly database: DatabaseSync;
  private constructor(database: DatabaseSync) {
    this.database = database;
  }

  /** Null when another process has it. */
  static take(file: string): SupervisorLock | null {
    const database = new DatabaseSync(file, { timeout: 0 });
    try {
      database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
      chmodSync(file, 0o600);
      return new SupervisorLock(database);
    } catch (error) {
      database.close();
      // SQLITE_BUSY
      if ((error as { errcode?: number }).errcode === 5) return null;
      throw error;
    }
  }

  release(): void {
    this.database.close();
  }
}
