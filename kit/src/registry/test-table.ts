/** A table that tests change as a swap would, with a finder on it. */
import type { Instance, Table } from '@switchyard/contracts/registry';
import { Finder } from './finder.ts';

export const testInstance = (id: string, more: Partial<Instance> = {}): Instance => ({
  id,
  host: '127.0.0.1',
  port: 3010,
  endpoints: {},
  status: 'UP',
  weight: 1,
  zone: '',
  metadata: {},
  ...more,
});

export const testTable = (
  service: string,
  live: string | null,
  deployments: Readonly<Record<string, readonly Instance[]>>,
): Table => ({
  epoch: 1,
  revision: 1,
  services: {
    [service]: {
      declared: true,
      live,
      standby: null,
      split: null,
      deployments: Object.fromEntries(
        Object.entries(deployments).map(([id, instances]) => [
          id,
          { version: '', side: null, routes: [], instances: [...instances] },
        ]),
      ),
    },
  },
});

/** One service's entry, changed by `set`, as a TableWatch would tell of it: the table first, then the finder. */
export class TableUnderTest {
  table: Table | null = null;
  /** Deployments of which the finder said that they are drained: in flight at that moment. */
  readonly drained: Record<string, number>[] = [];
  readonly finder: Finder = new Finder(this, () => this.drained.push(this.finder.inFlight()));

  set(service: string, live: string | null, deployments: Readonly<Record<string, readonly Instance[]>>): void {
    this.table = testTable(service, live, deployments);
    this.finder.tableChanged();
  }
}
