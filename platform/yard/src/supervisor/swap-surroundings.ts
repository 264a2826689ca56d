/** Gives swaps what they need of the yard that a supervisor runs. */
import { RegistryClient } from '@switchyard/kit/registry/client';
import { CommandFailed } from '../command.ts';
import type { Preparation } from '../launching/prepare-release.ts';
import { gatewaySource, registrySource } from '../launching/platform-parts.ts';
import { declarationsOf, registryUrl, serviceSource } from '../launching/service-parts.ts';
import type { PlatformSurroundings } from '../platform-swap/platform-surroundings.ts';
import { Journal } from '../state/journal.ts';
import { SwapHistory } from '../swap/swap-history.ts';
import { swapRecord } from '../swap/swap-record.ts';
import type { SwapSurroundings } from '../swap/swap-surroundings.ts';
import { yardOrFail } from '../yard-file/read-yard-file.ts';
import type { Supervisor, SupervisorOptions } from './supervisor.ts';

/** Watchers go by the id of their instance: deployment, place, and what makes it unique. */
const INSTANCE_ID = /^(.+)-\d+\.\d+\.[0-9a-f]{12}$/;
/** What the further workers of a gateway add to it: they are watchers too, and end with their instance. */
const WORKER = /\.w\d+$/;

export function swapSurroundings(
  supervisor: Supervisor,
  preparation: Preparation,
  { now, date }: SupervisorOptions,
): SwapSurroundings {
  const { open, services, changes, registrar } = supervisor;
  const { folder, yard, state, releases, operatorToken } = open;
  const journal = new Journal(folder.journal, swapRecord);
  const history = new SwapHistory(folder.history);
  return {
    services,
    registry: new RegistryClient({ url: registryUrl(yard), token: operatorToken }),
    preparation,
    releases,
    state,
    changes,
    journal,
    plan: (service) => {
      // As it is on disk now: what it says of a service counts from its next swap on.
      const file = yardOrFail(folder.file);
      const declaration = file.services[service];
      if (declaration === undefined || !services.has(service)) throw unknown(service, [...services.keys()]);
      return { source: serviceSource(file, folder, service), declaration };
    },
    planAtStart: (service) => ({ source: serviceSource(yard, folder, service), declaration: yard.services[service]! }),
    declare: (signal) => {
      // The registry is told the same when it has restarted.
      supervisor.declarations = declarationsOf(yardOrFail(folder.file), services.keys());
      return registrar.declare(supervisor.declarations, signal);
    },
    hasEnded: (watcher) => {
      const keeper = services.get(INSTANCE_ID.exec(watcher)?.[1] ?? '');
      // Of gateways two may serve at once, and one that leaves is kept by nobody: only what was seen to end has ended.
      if (keeper === undefined) return supervisor.gateway.hasEnded(watcher.replace(WORKER, ''));
      return !keeper.instances().some(({ record }) => record.id === watcher);
    },
    runHook: (release, which, signal) => supervisor.hooks.run(release, which, signal),
    remember: async (report) => {
      await history.append(report);
      await journal.remove(report.id);
      // Nobody waits for what is only tidied up.
      void supervisor
        .prune()
        .catch((error: Error) => supervisor.tell({ kind: 'note', part: 'yard', message: error.message }));
    },
    tell: (event) => supervisor.tell(event),
    warn: (message) => supervisor.tell({ kind: 'note', part: 'yard', message }),
    now,
    date,
  };
}

/** The same for the gateway and the registry. */
export function platformSurroundings(supervisor: Supervisor, around: SwapSurroundings): PlatformSurroundings {
  const { open, registry, gateway } = supervisor;
  const { folder, runtime } = open;
  const { preparation, releases, state, changes } = around;
  return {
    parts: { registry, gateway },
    runtime,
    preparation,
    releases,
    state,
    changes,
    folder: folder.state,
    source: (part) => {
      const file = yardOrFail(folder.file);
      return part === 'gateway' ? gatewaySource(file, folder) : registrySource(file, folder);
    },
    remember: (report) => around.remember(report),
    tell: (event) => around.tell(event),
    warn: (message) => around.warn(message),
    now: () => around.now(),
    date: () => around.date(),
  };
}

const unknown = (service: string, names: readonly string[]): CommandFailed =>
  new CommandFailed(`there is no service ${JSON.stringify(service)} in this yard`, {
    hint: `there are ${names.join(', ')}`,
  });
