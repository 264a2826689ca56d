/** One supervisor for each yard: a lock that the kernel holds for as long as the process lives, and not a moment longer. */
import { chmodSync, closeSync, openSync, truncateSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** The journal stays in memory: a file for it would need room, and a yard on a full disk must still be stopped. */
const TAKE = 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE';
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

/** Node.js has no call for file locks; SQLite, which it carries, takes one (fcntl), and no stale lock can ever be left behind. */
export class SupervisorLock {
  private readonly database: DatabaseSync;
  private constructor(database: DatabaseSync) {
    this.database = database;
  }

  /** Null when another process has it. */
  static take(file: string): SupervisorLock | null {
    // What the system has against the file it says better than SQLite would.
    closeSync(openSync(file, 'a', 0o600));
    let database = new DatabaseSync(file, { timeout: 0 });
    try {
      try {
        database.exec(TAKE);
      } catch (error) {
        if (codeOf(error) !== SQLITE_NOTADB) throw error;
        // It holds nothing that could be lost. Emptied, not removed: the lock of somebody who has it belongs to this very file.
        database.close();
        truncateSync(file);
        database = new DatabaseSync(file, { timeout: 0 });
        database.exec(TAKE);
      }
      chmodSync(file, 0o600);
      return new SupervisorLock(database);
    } catch (error) {
      database.close();
      if (codeOf(error) === SQLITE_BUSY) return null;
      throw error;
    }
  }

  release(): void {
    this.database.close();
  }
}

const codeOf = (error: unknown): number | undefined => (error as { errcode?: number }).errcode;
