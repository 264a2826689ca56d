/** A registry for tests of the gateway alone: speaks the watch's protocol, and says whatever table the test sets. */
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { listenOn, portOf } from '@switchyard/kit/http/server';
import type { Acknowledgement, Deployment, ServiceEntry, Table } from '@switchyard/contracts/registry';
import { route } from '@switchyard/contracts/route';

export interface ToldInstance {
  readonly id: string;
  readonly port: number;
  readonly host?: string;
  readonly status?: 'UP' | 'DOWN';
}

export interface ToldService {
  readonly routes: readonly unknown[];
  readonly live?: string | null;
  readonly standby?: string | null;
  readonly split?: Readonly<Record<string, number>> | null;
  readonly declared?: boolean;
  /** Instances by deployment. */
  readonly deployments: Readonly<Record<string, readonly ToldInstance[]>>;
}

export class TestRegistry {
  readonly acknowledgements: Acknowledgement[] = [];
  private table: Table = { epoch: 0, revision: 0, services: {} };
  private readonly watchers = new Set<ServerResponse>();
  private readonly waiting = new Set<() => void>();
  private readonly server: Server = createServer((request, response) => {
    if (request.url?.startsWith('/v1/watch?') === true) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      this.watchers.add(response);
      response.on('close', () => this.watchers.delete(response));
      this.sendTable(response);
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      this.acknowledgements.push(JSON.parse(Buffer.concat(chunks).toString()) as Acknowledgement);
      response.writeHead(204).end();
      for (const wake of this.waiting) wake();
    });
  });

  async start(): Promise<string> {
    await listenOn(this.server, { host: '127.0.0.1', port: 0 });
    return `http://127.0.0.1:${portOf(this.server)}`;
  }

  /** Resolves when the gateway has acknowledged the new epoch. Waits for nothing when no gateway watches. */
  async tell(services: Readonly<Record<string, ToldService>>): Promise<void> {
    const epoch = this.table.epoch + 1;
    this.table = { epoch, revision: epoch, services: Object.fromEntries(Object.entries(services).map(entryOf)) };
    if (this.watchers.size === 0) return;
    for (const watcher of this.watchers) this.sendTable(watcher);
    await this.acknowledged(epoch);
  }

  async acknowledged(epoch: number): Promise<void> {
    while (!this.acknowledgements.some((one) => one.epoch >= epoch)) await this.next();
  }

  /** The first acknowledgement, of those there were since `from` and those to come, that is the wanted one. */
  async acknowledgement(wanted: (one: Acknowledgement) => boolean, from = 0): Promise<Acknowledgement> {
    for (;;) {
      const found = this.acknowledgements.slice(from).find(wanted);
      if (found !== undefined) return found;
      await this.next();
    }
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.waiting.delete(wake);
        resolve();
      };
      this.waiting.add(wake);
    });
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private sendTable(response: ServerResponse): void {
    response.write(`event: table\nid: ${this.table.revision}\ndata: ${JSON.stringify(this.table)}\n\n`);
  }
}

function entryOf([name, told]: [string, ToldService]): [string, ServiceEntry] {
  const routes = told.routes.map((written) => route.parse(written));
  const deployments: Record<string, Deployment> = {};
  for (const [id, instances] of Object.entries(told.deployments))
    deployments[id] = {
      version: '',
      side: null,
      routes,
      instances: instances.map((one) => ({
        id: one.id,
        host: one.host ?? '127.0.0.1',
        port: one.port,
        endpoints: {},
        status: one.status ?? 'UP',
        weight: 1,
        zone: '',
        metadata: {},
      })),
    };
  const live = told.live === undefined ? (Object.keys(told.deployments)[0] ?? null) : told.live;
  const { declared = true, standby = null, split = null } = told;
  return [name, { declared, routes, live, standby, split, deployments }];
}
