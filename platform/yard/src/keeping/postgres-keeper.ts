/** Keeps the databases of the yard reachable: its own PostgreSQL server running, or the one that YARD_POSTGRES_URL names. */
import { setTimeout as pause } from 'node:timers/promises';
import { installPostgres, packagedPostgres } from '../postgres/binaries.ts';
import { ensureDatabases } from '../postgres/databases.ts';
import { EmbeddedPostgres } from '../postgres/embedded-postgres.ts';
import type { RunningServer } from '../postgres/embedded-postgres.ts';
import { placePostgres } from '../postgres/placement.ts';
import { PostgresSecrets } from '../postgres/postgres-secrets.ts';
import { join } from 'node:path';
import type { YardFolder } from '../yard-folder.ts';
import { nextPhase } from './instance-phase.ts';
import type { Phase, Signal } from './instance-phase.ts';
import { failuresAfter, restartPauseMs } from './restart-pause.ts';
import type { Told } from '../status/yard-event.ts';

export interface PostgresKeeperOptions {
  readonly folder: YardFolder;
  readonly yardId: string;
  /** Names of the databases. */
  readonly databases: readonly string[];
  /** YARD_POSTGRES_URL; undefined: the embedded server. */
  readonly externalUrl: string | undefined;
  tell(event: Told): void;
  now(): number;
}

export class PostgresKeeper {
  private readonly options: PostgresKeeperOptions;
  private phaseNow: Phase = 'stopped';
  private detailNow = '';
  private failures = 0;
  private lastFault: string | null = null;
  private addresses: ReadonlyMap<string, string> = new Map();
  private embedded: EmbeddedPostgres | null = null;
  private server: RunningServer | null = null;
  private readonly stopper = new AbortController();
  private readonly hastener = new AbortController();
  private running: Promise<void> = Promise.resolve();
  hasBeenTried = false;

  constructor(options: PostgresKeeperOptions) {
    this.options = options;
  }

  get phase(): Phase {
    return this.phaseNow;
  }
  get detail(): string {
    return this.detailNow;
  }
  get fault(): string | null {
    return this.phaseNow === 'ready' ? null : this.lastFault;
  }
  get isEmbedded(): boolean {
    return this.options.externalUrl === undefined;
  }
  get port(): number | null {
    return this.server?.port ?? null;
  }
  get pid(): number | null {
    return this.server?.process.pid ?? null;
  }

  /** DATABASE_URL of a service; throws while the server is not ready. */
  addressOf(database: string): string {
    const address = this.addresses.get(database);
    if (address === undefined) throw new Error(`there is no database ${database} yet`);
    return address;
  }

  /** What tells one place of the server from another: instances that were given another one have to be started again. */
  get place(): string {
    return this.server === null ? 'external' : String(this.server.port);
  }

  start(): void {
    this.running = this.keep();
  }

  async stop(hasten = false): Promise<void> {
    if (hasten) this.hastener.abort();
    this.stopper.abort(new Error('stopping'));
    await this.running;
  }

  private async keep(): Promise<void> {
    const stopping = this.stopper.signal;
    while (!stopping.aborted) {
      const beganMs = this.options.now();
      let readyAtMs: number | null = null;
      try {
        await this.serve(stopping, () => {
          readyAtMs = this.options.now();
          this.move('well', this.server === null ? '' : `port ${this.server.port}`, readyAtMs - beganMs);
        });
      } catch (error) {
        if (stopping.aborted) break;
        this.failures = failuresAfter(this.failures, readyAtMs === null ? 0 : this.options.now() - readyAtMs);
        await this.fail((error as Error).message, stopping);
      }
    }
    this.move('stop', '');
    await this.embedded?.stop(this.hastener.signal).catch((error: Error) => this.tellFault(error.message));
    this.move('ended', '');
  }

  /** Rejects in the end, with the reason. */
  private async serve(stopping: AbortSignal, onReady: () => void): Promise<never> {
    const { folder, yardId, databases, externalUrl } = this.options;
    const secrets = await PostgresSecrets.open(folder.keys);
    let adminUrl = externalUrl;
    if (adminUrl === undefined) {
      if (this.embedded === null) this.move('prepare', 'setting up PostgreSQL');
      this.embedded ??= await this.install(secrets);
      this.move('start', '');
      this.server = await this.embedded.start(stopping);
      adminUrl = this.server.adminUrl;
    } else this.move('start', 'the server at YARD_POSTGRES_URL');
    const access = { adminUrl, isOwn: externalUrl === undefined, yardId };
    this.addresses = await ensureDatabases(access, databases, secrets).catch((error: Error) => {
      throw externalUrl === undefined ? error : new Error(externalFault(externalUrl, error), { cause: error });
    });
    onReady();
    if (this.server === null || this.embedded === null) {
      // A server that is not ours is watched by those who use it.
      await pause(2 ** 31 - 1, undefined, { signal: stopping });
      throw new Error('unreachable');
    }
    await this.embedded.ended(this.server, stopping);
    throw new Error('ended by itself');
  }

  private async install(secrets: PostgresSecrets): Promise<EmbeddedPostgres> {
    const { folder, yardId } = this.options;
    const placement = await placePostgres(folder, yardId);
    const binaries = await installPostgres(await packagedPostgres(), placement.binaries);
    return new EmbeddedPostgres({
      placement,
      binaries,
      recordFile: folder.postgresFile,
      logFile: join(folder.logs, 'postgres', 'postgres.log'),
      superuserPassword: secrets.superuser,
    });
  }

  private async fail(message: string, stopping: AbortSignal): Promise<void> {
    const pauseMs = restartPauseMs(this.failures);
    this.tellFault(message);
    this.move('failed', `${message.split('\n')[0]}; next try in ${pauseMs / 1_000} s`);
    await pause(pauseMs, undefined, { signal: stopping }).catch(() => undefined);
  }

  private tellFault(text: string): void {
    const [message = '', ...lines] = text.split('\n');
    const isRepeated = this.lastFault === message;
    this.lastFault = message;
    this.hasBeenTried = true;
    this.options.tell({ kind: 'fault', part: 'postgres', message, lines, isRepeated });
  }

  private move(signal: Signal, detail: string, tookMs: number | null = null): void {
    this.phaseNow = nextPhase(this.phaseNow, signal);
    this.detailNow = detail;
    if (this.phaseNow === 'ready') {
      this.lastFault = null;
      this.hasBeenTried = true;
    }
    this.options.tell({ kind: 'phase', part: 'postgres', phase: this.phaseNow, detail, tookMs });
  }
}

/** Names the server, never the password. */
function externalFault(address: string, error: Error): string {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol)) {
    return 'YARD_POSTGRES_URL is not the address of a PostgreSQL server (postgresql://USER:PASSWORD@HOST:PORT/postgres)';
  }
  return `the server at YARD_POSTGRES_URL (${url.host}): ${error.message}`;
}
