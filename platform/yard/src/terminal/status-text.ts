/** The state of a yard as a table, with what is wrong and which swaps go on below; pure. */
import type { Surroundings } from '../command.ts';
import type { PartStatus, YardStatus } from '../status/yard-status.ts';
import { since } from './duration.ts';
import { WORK } from './swap-progress.ts';

type Colours = Surroundings['colours'];
type ServiceStatus = YardStatus['services'][string];

const HEAD = ['', 'STATE', 'LIVE', 'CANDIDATE', 'STANDBY', 'PORT', 'PID', 'UP', 'RESTARTS'];
const STATE = 1;
const CANDIDATE = 3;
const NO_DEPLOYMENTS = { live: '', candidate: '', standby: '' };

export function statusText(status: YardStatus, colours: Colours, now: Date): string {
  const { supervisor, postgres } = status;
  const parts = [status.registry, status.gateway, ...Object.values(status.services)];
  const isDown = supervisor === null && parts.every(({ state }) => state === 'stopped');
  const who = isDown
    ? 'not running'
    : supervisor === null
      ? colours.yellow('no supervisor runs: what ends stays down (yard up takes over what runs)')
      : `supervisor ${supervisor.pid}, up ${since(supervisor.startedAt, now)}`;
  const rows: string[][] = [HEAD];
  if (postgres !== null) {
    const where = postgres.port === null ? '' : String(postgres.port);
    const pid = postgres.pid === null ? '' : String(postgres.pid);
    rows.push(['postgres', postgres.state, '', '', '', where, pid, '', '']);
  }
  for (const name of ['registry', 'gateway'] as const) {
    rows.push(...instanceRows(name, status[name].state, status[name].instances, NO_DEPLOYMENTS, now));
  }
  for (const [name, service] of Object.entries(status.services)) rows.push(...serviceRows(name, service, now));
  const epoch = `epoch ${status.epoch ?? (isDown ? '-' : 'unknown (the registry does not answer)')}`;
  return [
    `${colours.bold(status.root)}  ${colours.dim(who)}`,
    `${status.url}  ${colours.dim(epoch)}`,
    '',
    ...tableLines(rows, colours),
    ...below(faultLines(status, colours)),
    ...below(swapLines(status, colours)),
  ].join('\n');
}

const below = (lines: readonly string[]): readonly string[] => (lines.length === 0 ? [] : ['', ...lines]);

/** A row for each instance, those of the live deployment first; a deployment is named in the row of its first. */
function serviceRows(name: string, service: ServiceStatus, now: Date): string[][] {
  const { live, standby, candidate, state, instances } = service;
  const others = [candidate, standby].filter((deployment) => deployment !== null);
  const of = (deployment: string) => instances.filter((instance) => instance.deployment === deployment);
  const running = others.filter((deployment) => of(deployment).length > 0);
  const main = instances.filter(({ deployment }) => !running.includes(deployment));
  const named = (deployment: string | null) => (deployment === null || running.includes(deployment) ? '' : deployment);
  return [
    ...instanceRows(
      name,
      state,
      main,
      { live: live ?? '-', candidate: named(candidate), standby: standby === null ? '-' : named(standby) },
      now,
    ),
    ...running.flatMap((deployment) => {
      const where = deployment === candidate ? 'candidate' : 'standby';
      return instanceRows('', state, of(deployment), { ...NO_DEPLOYMENTS, [where]: deployment }, now);
    }),
  ];
}

function instanceRows(
  name: string,
  state: PartStatus['state'],
  instances: PartStatus['instances'],
  { live, candidate, standby }: typeof NO_DEPLOYMENTS,
  now: Date,
): string[][] {
  if (instances.length === 0) return [[name, state, live, candidate, standby, '', '', '', '']];
  return instances.map((instance, index) => [
    ...(index === 0 ? [name, instance.state, live, candidate, standby] : ['', instance.state, '', '', '']),
    String(instance.port),
    instance.pid === null ? '' : String(instance.pid),
    since(instance.startedAt, now),
    String(instance.restarts),
  ]);
}

function tableLines(rows: readonly (readonly string[])[], colours: Colours): string[] {
  const hasCandidate = rows.some((row, index) => index > 0 && row[CANDIDATE] !== '');
  const columns = HEAD.map((_, column) => column).filter((column) => hasCandidate || column !== CANDIDATE);
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row, index) => {
    const cells = columns.map((column) =>
      coloured(row[column]!.padEnd(widths[column]!), index === 0 ? 'head' : column, colours),
    );
    return cells.join('  ').trimEnd();
  });
}

function coloured(cell: string, column: number | 'head', colours: Colours): string {
  if (column === 'head') return colours.dim(cell);
  if (column === 0) return colours.bold(cell);
  if (column === CANDIDATE) return colours.cyan(cell);
  if (column !== STATE) return cell;
  const state = cell.trim();
  return state === 'ready' ? colours.green(cell) : state === 'pausing' ? colours.red(cell) : colours.yellow(cell);
}

function faultLines(status: YardStatus, colours: Colours): string[] {
  const parts: [string, PartStatus][] = [
    ...Object.entries(status.services),
    ['registry', status.registry],
    ['gateway', status.gateway],
  ];
  return parts
    .filter(([, part]) => part.state !== 'ready' && (part.fault ?? part.detail) !== '')
    .map(([name, part]) => {
      const what = part.state === 'pausing' ? part.detail : (part.fault ?? part.detail);
      return `${colours.red('✗')} ${name}: ${what}`;
    });
}

/** A line for each swap, which may be of several services. */
function swapLines({ services }: YardStatus, colours: Colours): string[] {
  const ids = new Set(Object.values(services).flatMap(({ swap }) => swap?.id ?? []));
  return [...ids].map((id) => {
    const names = Object.keys(services).filter((name) => services[name]!.swap?.id === id);
    const { stage, detail, canaryPercent } = services[names[0]!]!.swap!;
    const share = canaryPercent === null ? '' : `${canaryPercent} % of the requests`;
    const doing = [share, detail].filter((text) => text !== '').join(', ') || WORK[stage];
    return `${colours.cyan('»')} ${names.join(', ')}: ${stage}${doing === '' ? '' : `, ${doing}`} ${colours.dim(`(${id})`)}`;
  });
}
