/** Passwords of the yard's database users, in `.yard/keys/postgres.json`: random, made when first needed. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { makePrivateFolder, readFileIfAny, writeFileAtomic } from '../state/atomic-file.ts';

const secretsFile = z.object({
  superuser: z.string(),
  roles: z.record(z.string(), z.string()),
});

export class PostgresSecrets {
  private data: z.infer<typeof secretsFile>;
  private readonly file: string;

  private constructor(file: string, data: z.infer<typeof secretsFile>) {
    this.file = file;
    this.data = data;
  }

  static async open(keys: string): Promise<PostgresSecrets> {
    await makePrivateFolder(keys);
    const file = join(keys, 'postgres.json');
    const written = await readFileIfAny(file);
    if (written !== null) {
      const parsed = secretsFile.safeParse(jsonOrNull(written));
      if (!parsed.success) throw new Error(`${file} is damaged; without it the yard cannot open its databases`);
      return new PostgresSecrets(file, parsed.data);
    }
    const secrets = new PostgresSecrets(file, { superuser: newPassword(), roles: {} });
    await secrets.write();
    return secrets;
  }

  get superuser(): string {
    return this.data.superuser;
  }

  /** The password of a role, and whether it was known before. */
  async passwordOf(role: string): Promise<{ readonly password: string; readonly isNew: boolean }> {
    const known = this.data.roles[role];
    if (known !== undefined) return { password: known, isNew: false };
    const password = newPassword();
    this.data = { ...this.data, roles: { ...this.data.roles, [role]: password } };
    await this.write();
    return { password, isNew: true };
  }

  private async write(): Promise<void> {
    await writeFileAtomic(this.file, JSON.stringify(this.data));
  }
}

const newPassword = (): string => randomBytes(24).toString('base64url');

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
