/** A role and a database for each service, on the embedded server or on another one; nobody but its service may open a database. */
import pg from 'pg';
import type { PostgresSecrets } from './postgres-secrets.ts';

export interface ServerAccess {
  /** Connects as a user that may make roles and databases. */
  readonly adminUrl: string;
  /** Whether the server is the yard's own: then whatever is on it is the yard's too. */
  readonly isOwn: boolean;
  readonly yardId: string;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** CREATE DATABASE copies files, which a slow disk takes a while for. */
const STATEMENT_TIMEOUT_MS = 60_000;

/** Makes what is not there yet; answers the address for each name. Safe to repeat, and after an interruption anywhere. */
export async function ensureDatabases(
  access: ServerAccess,
  names: readonly string[],
  secrets: PostgresSecrets,
): Promise<ReadonlyMap<string, string>> {
  const addresses = new Map<string, string>();
  await withClient(access.adminUrl, async (client) => {
    if (access.isOwn) {
      await client.query('REVOKE ALL ON DATABASE postgres FROM PUBLIC');
      await client.query('REVOKE ALL ON DATABASE template1 FROM PUBLIC');
    }
    for (const name of names) {
      const { password, isNew } = await secrets.passwordOf(name);
      await ensureRole(client, access, { name, password, isNew });
      const { rows } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [name]);
      if (rows.length === 0) await client.query(`CREATE DATABASE ${quoted(name)} OWNER ${quoted(name)}`);
      await client.query(`REVOKE ALL ON DATABASE ${quoted(name)} FROM PUBLIC`);
      addresses.set(name, addressOf(access.adminUrl, name, password));
    }
  });
  return addresses;
}

/** Resolves once the server answers a query; rejects with its words. */
export async function pingServer(adminUrl: string): Promise<void> {
  await withClient(adminUrl, (client) => client.query('SELECT 1'));
}

/** The address of a database for its service, with everything else (host, TLS parameters) as the server's own has it. */
export function addressOf(adminUrl: string, name: string, password: string): string {
  const url = new URL(adminUrl);
  url.username = encodeURIComponent(name);
  url.password = encodeURIComponent(password);
  url.pathname = `/${name}`;
  return url.href;
}

/** On a server that is not ours, a role of the same name may be somebody's: it is ours only if its comment says so. */
async function ensureRole(
  client: pg.Client,
  access: ServerAccess,
  role: { readonly name: string; readonly password: string; readonly isNew: boolean },
): Promise<void> {
  const mark = `switchyard ${access.yardId}`;
  const { rows } = await client.query<{ mark: string | null }>(
    `SELECT shobj_description(oid, 'pg_authid') AS mark FROM pg_roles WHERE rolname = $1`,
    [role.name],
  );
  const found = rows[0];
  if (found !== undefined && !access.isOwn && found.mark !== mark) {
    throw new Error(
      `the PostgreSQL server already has a role ${role.name} that this yard did not make; give the service another name under postgres, or drop the role`,
    );
  }
  const password = client.escapeLiteral(role.password);
  if (found === undefined) {
    await client.query('BEGIN');
    await client.query(`CREATE ROLE ${quoted(role.name)} LOGIN PASSWORD ${password}`);
    await client.query(`COMMENT ON ROLE ${quoted(role.name)} IS ${client.escapeLiteral(mark)}`);
    await client.query('COMMIT');
    // Who is no superuser must be a member to make the role the owner of a database.
    if (!access.isOwn) await client.query(`GRANT ${quoted(role.name)} TO CURRENT_USER`).catch(() => undefined);
  } else if (role.isNew) {
    await client.query(`ALTER ROLE ${quoted(role.name)} LOGIN PASSWORD ${password}`);
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: STATEMENT_TIMEOUT_MS,
    application_name: 'yard',
  });
  // A connection that is lost rejects the query under way; the event alone would end the process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const quoted = (name: string): string => pg.escapeIdentifier(name);
