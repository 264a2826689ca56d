/** What the supervisor itself did, as JSON lines in `.yard/logs/yard/yard.log`. */
import { appendFileSync } from 'node:fs';

export class YardLog {
  private readonly file: string;
  private readonly now: () => Date;

  constructor(file: string, now: () => Date) {
    this.file = file;
    this.now = now;
  }

  /** Never throws: a full disk must not stop what runs. */
  write(level: 'info' | 'warn' | 'error', message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const line = JSON.stringify({ level, time: this.now().toISOString(), service: 'yard', ...fields, message });
    try {
      appendFileSync(this.file, `${line}\n`, { mode: 0o600 });
    } catch {
      // There is nowhere left to say it.
    }
  }
}
