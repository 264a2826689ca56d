/** Faults of a yard file that no single place shows: names, ports, routes and databases against each other, folders, references. */
import { statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { GIVEN_VARIABLES, RESERVED_SERVICE_NAMES } from '@switchyard/contracts/yard-file';
import type { YardFile } from '@switchyard/contracts/yard-file';
import { argvOf, needsShell } from '../launching/command-line.ts';
import { MAY_BE_OVERRIDDEN } from '../launching/environment.ts';
import { unfitCertificate } from './certificate-check.ts';
import { referencesIn } from './interpolation.ts';
import { nearestName } from './nearest-name.ts';
import { pathText, shown } from './yard-fault.ts';
import type { YardFault, YardPath } from './yard-fault.ts';
import { faultAt } from './yard-source.ts';
import type { YardSource } from './yard-source.ts';

type Check = (yard: YardFile, source: YardSource) => YardFault[];

/** In the order of the file they would be reported in anyway; each looks at one thing. */
const CHECKS: readonly Check[] = [
  reservedNames,
  portCollisions,
  sessionsService,
  unknownNeeds,
  needCycles,
  routeCollisions,
  databaseCollisions,
  missingFolders,
  unfitCertificate,
  wrongReferences,
  wrongCommands,
  unfilledPaths,
];

export function crossCheck(yard: YardFile, source: YardSource): YardFault[] {
  return CHECKS.flatMap((check) => check(yard, source));
}

function reservedNames(yard: YardFile, source: YardSource): YardFault[] {
  return Object.keys(yard.services)
    .filter((name) => RESERVED_SERVICE_NAMES.includes(name))
    .map((name) =>
      faultAt(source, ['services', name], {
        of: 'key',
        message: `is a name of the yard's own parts (${RESERVED_SERVICE_NAMES.join(', ')}); take another`,
      }),
    );
}

function portCollisions(yard: YardFile, source: YardSource): YardFault[] {
  const owners = new Map<number, YardPath>();
  const faults: YardFault[] = [];
  const claim = (port: number, path: YardPath) => {
    const owner = owners.get(port);
    if (owner === undefined) {
      owners.set(port, path);
      return;
    }
    const sameService = path[2] === 'ports' && owner[2] === 'ports' && path[1] === owner[1];
    faults.push(
      faultAt(source, path, {
        read: String(port),
        message: sameService
          ? 'the two sides of a service need two different ports'
          : `this port is already that of ${pathText(owner)}; each must be another`,
      }),
    );
  };
  claim(yard.registry.port, ['registry', 'port']);
  claim(yard.gateway.port, ['gateway', 'port']);
  if (yard.gateway.adminPort > 65_535) {
    faults.push(
      faultAt(source, ['gateway', 'port'], {
        read: String(yard.gateway.port),
        message: 'leaves no port for adminPort, which is one more; write adminPort',
      }),
    );
  } else claim(yard.gateway.adminPort, ['gateway', 'adminPort']);
  const { tls } = yard.gateway.settings;
  if (tls !== undefined) claim(tls.port, ['gateway', 'tls', 'port']);
  for (const [name, service] of Object.entries(yard.services)) {
    for (const [index, port] of service.ports.entries()) claim(port, ['services', name, 'ports', index]);
  }
  return faults;
}

function sessionsService(yard: YardFile, source: YardSource): YardFault[] {
  const path: YardPath = ['gateway', 'sessions'];
  if (!source.has(path) || Object.hasOwn(yard.services, yard.gateway.sessions)) return [];
  return [unknownService(yard, source, path, yard.gateway.sessions)];
}

function unknownService(yard: YardFile, source: YardSource, path: YardPath, name: string): YardFault {
  const names = Object.keys(yard.services).filter((other) => other !== path[1]);
  const near = nearestName(name, names);
  return faultAt(source, path, {
    read: shown(name),
    message: `must be a service of this file${names.length === 0 ? '' : `: ${names.slice(0, 20).join(', ')}`}`,
    hint: near === null ? undefined : `did you mean ${near}?`,
  });
}

function unknownNeeds(yard: YardFile, source: YardSource): YardFault[] {
  const faults: YardFault[] = [];
  for (const [name, service] of Object.entries(yard.services)) {
    for (const [index, need] of service.needs.entries()) {
      const path: YardPath = ['services', name, 'needs', index];
      if (need === name)
        faults.push(faultAt(source, path, { read: shown(need), message: 'a service cannot need itself' }));
      else if (service.needs.indexOf(need) !== index) {
        faults.push(faultAt(source, path, { read: shown(need), message: 'is written twice' }));
      } else if (!Object.hasOwn(yard.services, need)) faults.push(unknownService(yard, source, path, need));
    }
  }
  return faults;
}

/** One fault for each cycle, at the need that closes it. */
function needCycles(yard: YardFile, source: YardSource): YardFault[] {
  const faults: YardFault[] = [];
  const done = new Set<string>();
  const visit = (name: string, trail: readonly string[]) => {
    const needs = Object.hasOwn(yard.services, name) ? yard.services[name]!.needs : [];
    for (const [index, need] of needs.entries()) {
      if (need === name || done.has(need)) continue;
      const begins = [...trail, name].indexOf(need);
      if (begins === -1) visit(need, [...trail, name]);
      else {
        faults.push(
          faultAt(source, ['services', name, 'needs', index], {
            read: shown(need),
            message: `services wait for each other in a circle: ${[...[...trail, name].slice(begins), need].join(' -> ')}`,
          }),
        );
      }
    }
    done.add(name);
  };
  for (const name of Object.keys(yard.services)) if (!done.has(name)) visit(name, []);
  return faults;
}

/** What the gateway answers itself, besides `/-/`. */
const GATEWAY_PATHS = ['/api/session', '/api/sessions', '/.well-known/jwks.json'];

function routeCollisions(yard: YardFile, source: YardSource): YardFault[] {
  const owners = new Map<string, YardPath>();
  const faults: YardFault[] = [];
  for (const [name, service] of Object.entries(yard.services)) {
    for (const [index, { path: route }] of service.routes.entries()) {
      const at: YardPath = ['services', name, 'routes', index];
      const own = GATEWAY_PATHS.find((path) => route === path || route.startsWith(`${path}/`));
      const owner = owners.get(route);
      if (own !== undefined) {
        faults.push(faultAt(source, at, { read: shown(route), message: `${own} belongs to the gateway` }));
      } else if (owner === undefined) owners.set(route, at);
      else {
        faults.push(
          faultAt(source, at, {
            read: shown(route),
            message:
              owner[1] === name
                ? 'is written twice'
                : `is already a route of ${String(owner[1])}; a path leads to one service`,
          }),
        );
      }
    }
  }
  return faults;
}

function databaseCollisions(yard: YardFile, source: YardSource): YardFault[] {
  const owners = new Map<string, string>();
  const faults: YardFault[] = [];
  for (const [name, { postgres }] of Object.entries(yard.services)) {
    if (postgres === undefined) continue;
    const owner = owners.get(postgres);
    if (owner === undefined) owners.set(postgres, name);
    else {
      faults.push(
        faultAt(source, ['services', name, 'postgres'], {
          read: shown(postgres),
          message: `is already the database of ${owner}; each service has one of its own`,
        }),
      );
    }
  }
  return faults;
}

function missingFolders(yard: YardFile, source: YardSource): YardFault[] {
  const faults: YardFault[] = [];
  for (const [name, { dir }] of Object.entries(yard.services)) {
    const folder = resolve(dirname(source.file), dir);
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (stat?.isDirectory() === true) continue;
    faults.push(
      faultAt(source, ['services', name, 'dir'], {
        read: shown(dir),
        message: `${stat === undefined ? 'there is no such folder' : 'is not a folder'}; must be one, relative to this file`,
      }),
    );
  }
  return faults;
}

function wrongReferences(yard: YardFile, source: YardSource): YardFault[] {
  const faults: YardFault[] = [];
  for (const [name, service] of Object.entries(yard.services)) {
    for (const [variable, value] of Object.entries(service.env)) {
      const path: YardPath = ['services', name, 'env', variable];
      if (isGiven(variable) && !MAY_BE_OVERRIDDEN.has(variable)) {
        faults.push(faultAt(source, path, { of: 'key', message: 'is given by the yard and cannot be set' }));
      }
      const forms = 'must be ${NAME}, ${env:NAME} or ${file:PATH}';
      const given = GIVEN_VARIABLES.filter((other) => other !== variable);
      for (const reference of referencesIn(value)) {
        if (reference.kind === 'broken')
          faults.push(faultAt(source, path, { read: reference.written, message: forms }));
        if (reference.kind !== 'variable' || isGiven(reference.name)) continue;
        faults.push(
          unknownVariable(
            source,
            path,
            reference.name,
            given,
            `write \${env:${reference.name}} for one of the yard's own environment`,
          ),
        );
      }
    }
  }
  return faults;
}

const isGiven = (name: string): boolean => (GIVEN_VARIABLES as readonly string[]).includes(name);

const COMMANDS = ['run', 'migrate', 'contract'] as const;

/** What the yard makes words of itself: `build` is a line for a shell. */
function wrongCommands(yard: YardFile, source: YardSource): YardFault[] {
  return Object.entries(yard.services).flatMap(([name, service]) => {
    const known = [...new Set([...GIVEN_VARIABLES, ...Object.keys(service.env)])];
    return COMMANDS.flatMap((key) => {
      const command = service[key];
      return command === undefined ? [] : commandFaults(source, ['services', name, key], command, known);
    });
  });
}

/** A line that needs a shell is left to it, with the same variables in its environment. */
function commandFaults(source: YardSource, path: YardPath, command: string, known: readonly string[]): YardFault[] {
  const found: YardFault[] = [];
  for (const reference of referencesIn(command)) {
    if (reference.kind === 'secret') {
      const message = 'a command can be read by everybody on this machine; give the secret a name in env';
      found.push(faultAt(source, path, { read: reference.written, message }));
    } else if (needsShell(command)) continue;
    else if (reference.kind === 'broken') {
      found.push(faultAt(source, path, { read: reference.written, message: 'must be ${NAME}' }));
    } else if (!known.includes(reference.name)) {
      found.push(
        unknownVariable(source, path, reference.name, known, `write $${reference.name} to leave it to a shell`),
      );
    }
  }
  const unreadable = found.length === 0 ? unreadableCommand(command, known) : null;
  if (unreadable !== null) found.push(faultAt(source, path, { read: shown(command), message: unreadable }));
  return found;
}

function unreadableCommand(command: string, known: readonly string[]): string | null {
  try {
    argvOf(command, Object.fromEntries(known.map((name) => [name, 'x'])));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

function unknownVariable(
  source: YardSource,
  path: YardPath,
  name: string,
  known: readonly string[],
  otherwise: string,
): YardFault {
  const near = nearestName(name, known);
  return faultAt(source, path, {
    read: `\${${name}}`,
    message: `the yard gives no such variable; it gives ${known.join(', ')}`,
    hint: near === null ? otherwise : `did you mean \${${near}}?`,
  });
}

function unfilledPaths(yard: YardFile, source: YardSource): YardFault[] {
  return Object.entries(yard.services).flatMap(([name, { warm }]) =>
    warm.flatMap((path, index) =>
      path.includes('${')
        ? [
            faultAt(source, ['services', name, 'warm', index], {
              read: shown(path),
              message: 'is asked as it is written: no variable is filled in',
            }),
          ]
        : [],
    ),
  );
}
