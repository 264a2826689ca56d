/** Puts the registry, the gateway and the services of a yard together: what each is run from, given, waits for, and joins. */
import { dirname } from 'node:path';
import type { Release } from '../releases/release.ts';
import { environmentOf } from '../launching/environment.ts';
import type { WellInstance } from '../keeping/instance-keeper.ts';
import { PartKeeper } from '../keeping/part-keeper.ts';
import type { PartOptions } from '../keeping/part-keeper.ts';
import { ServiceKeeper } from '../keeping/service-keeper.ts';
import { gatewaySource, registrySource } from '../launching/platform-parts.ts';
import { Preparation } from '../launching/prepare-release.ts';
import type { BuildSource } from '../launching/prepare-release.ts';
import { givenToGateway, givenToRegistry, givenToService, serviceSource } from '../launching/service-parts.ts';
import type { Supervisor, SupervisorOptions } from './supervisor.ts';

export interface YardParts {
  readonly registry: PartKeeper;
  readonly gateway: PartKeeper;
  readonly services: ReadonlyMap<string, ServiceKeeper>;
  readonly preparation: Preparation;
}

type Differing = Pick<PartOptions, 'given' | 'untilMet' | 'join' | 'leave'> & Partial<PartOptions>;

export function yardParts(supervisor: Supervisor, { inherited, now, date }: SupervisorOptions): YardParts {
  const { open, changes, registrar } = supervisor;
  const { yard, folder, runtime, releases, state, keys } = open;
  const givenParts = { yard, folder, keys, now: date };
  const nodeFolder = dirname(process.execPath);
  const preparation = new Preparation({
    releases,
    state,
    runtime,
    logs: folder.logs,
    environment: environmentOf({ inherited, given: {}, declared: {}, path: [nodeFolder] }),
    now: date,
  });
  const part = (source: BuildSource, differing: Differing): PartKeeper =>
    new PartKeeper({
      source,
      runtime,
      preparation,
      changes,
      inherited,
      // Node.js keeps what it compiled: the second start of a service takes a fifth less.
      defaults: { NODE_COMPILE_CACHE: folder.compileCache },
      now,
      logs: folder.logs,
      host: '127.0.0.1',
      labels: () => ({}),
      migrate: () => Promise.resolve(),
      tell: (event) => supervisor.tell(event),
      ...differing,
    });

  /** What the gateway and the registry run from, so that their releases are kept and can be gone back to. */
  const remember = async ({ service, deployment, side }: Release): Promise<void> => {
    if (state.of(service).live === deployment) return;
    await state.setLive(service, deployment, { standby: null, side }).catch(() => undefined);
  };
  const registry = part(registrySource(yard, folder), {
    given: (identity) => givenToRegistry(givenParts, identity),
    untilMet: () => Promise.resolve(),
    join: async (_part, release, _instance, leaving) => {
      await registrar.declare(supervisor.declarations, leaving);
      await remember(release);
    },
    leave: () => Promise.resolve(),
  });

  const untilReady = async (
    names: readonly Pick<PartKeeper, 'name' | 'state'>[],
    needsDatabase: boolean,
    tell: (missing: string) => void,
    signal: AbortSignal,
  ): Promise<void> => {
    let told = '';
    const missing = () => [
      ...names.filter(({ state }) => state !== 'ready').map(({ name }) => name),
      ...(needsDatabase && supervisor.postgres?.phase !== 'ready' ? ['postgres'] : []),
    ];
    await changes.until(() => {
      const text = missing().join(', ');
      // Told before it is waited for; being told is itself a change, hence only when it says something new.
      if (text !== '' && text !== told) {
        told = text;
        queueMicrotask(() => !signal.aborted && missing().join(', ') === text && tell(text));
      }
      return text === '';
    }, signal);
  };

  const gateway = part(gatewaySource(yard, folder), {
    host: yard.gateway.host,
    given: (identity) => givenToGateway(givenParts, identity, open.operatorToken),
    untilMet: (tell, signal) => untilReady([registry], false, tell, signal),
    join: (_part, release) => remember(release),
    leave: () => Promise.resolve(),
  });

  const services = new Map<string, ServiceKeeper>();
  for (const [name, { needs, postgres }] of Object.entries(yard.services)) {
    const source = serviceSource(yard, folder, name);
    const needed = () => needs.flatMap((other) => services.get(other) ?? []);
    const make = (): PartKeeper => {
      const keeper: PartKeeper = part(source, {
        given: (identity) => givenToService(givenParts, { ...identity, service: name }, supervisor.addressesOf(name)),
        labels: (): Record<string, string> => (postgres === undefined ? {} : { postgres: supervisor.postgres!.place }),
        untilMet: (tell, signal) => untilReady([registry, ...needed()], postgres !== undefined, tell, signal),
        join: (_part, release: Release, instance: WellInstance, leaving) =>
          supervisor.join(keeper, release, instance, leaving),
        leave: ({ record }) => registrar.leave(record.id),
        migrate: (release, signal) =>
          services.get(name)?.main === keeper ? supervisor.migrate(release, signal) : Promise.resolve(),
        tell: (event) => (services.get(name)?.main === keeper ? supervisor.tell(event) : supervisor.note(event)),
      });
      return keeper;
    };
    services.set(name, new ServiceKeeper(name, make));
  }
  return { registry, gateway, services, preparation };
}
