/** `yard status`: what runs, which deployments are live, and what is wrong. */
import { EXIT } from '../command.ts';
import type { Command, Invocation } from '../command.ts';
import { askSupervisor } from '../control/control-client.ts';
import { readStatusFromRecords } from '../status/read-status.ts';
import type { YardStatus } from '../status/yard-status.ts';
import { since } from '../terminal/duration.ts';
import { findYard } from '../yard-folder.ts';
import { readYard } from './read-yard.ts';

export const statusCommand: Command = {
  name: 'status',
  usage: '[--json]',
  summary: 'services, live and standby deployment, instances, epoch',
  options: { json: { type: 'boolean', help: 'one JSON object' } },
  run: async (invocation) => {
    const folder = findYard(invocation.cwd);
    // What runs can be seen also while somebody is in the middle of an edit of the yard file.
    const answer = await askSupervisor(folder, { do: 'status' });
    const status = answer?.status ?? (await readStatusFromRecords(folder, readYard(invocation).yard));
    invocation.stdout.write(
      invocation.values['json'] === true
        ? `${JSON.stringify(status)}\n`
        : `${statusText(status, invocation, new Date())}\n`,
    );
    return EXIT.done;
  },
};

const HEAD = ['', 'STATE', 'LIVE', 'STANDBY', 'PORT', 'PID', 'UP', 'RESTARTS'];

function statusText(status: YardStatus, { colours }: Pick<Invocation, 'colours'>, now: Date): string {
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
    rows.push(['postgres', postgres.state, '', '', where, pid, '', '']);
  }
  for (const name of ['registry', 'gateway'] as const) rows.push(...rowsOf(name, status[name], '', '', now));
  for (const [name, service] of Object.entries(status.services)) {
    rows.push(...rowsOf(name, service, service.live ?? '-', service.standby ?? '-', now));
  }
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const table = rows.map((row, index) => {
    const cells = row.map((cell, column) =>
      colour(cell.padEnd(widths[column]!), index === 0 ? 'head' : column, colours),
    );
    return cells.join('  ').trimEnd();
  });
  const faults = [
    ...Object.entries(status.services),
    ['registry', status.registry] as const,
    ['gateway', status.gateway] as const,
  ]
    .filter(([, part]) => part.state !== 'ready' && (part.fault ?? part.detail) !== '')
    .map(
      ([name, part]) =>
        `${colours.red('✗')} ${name}: ${part.state === 'pausing' ? part.detail : (part.fault ?? part.detail)}`,
    );
  const epoch = `epoch ${status.epoch ?? (isDown ? '-' : 'unknown (the registry does not answer)')}`;
  return [
    `${colours.bold(status.root)}  ${colours.dim(who)}`,
    `${status.url}  ${colours.dim(epoch)}`,
    '',
    ...table,
    ...(faults.length > 0 ? ['', ...faults] : []),
  ].join('\n');

  function colour(cell: string, column: number | 'head', to: typeof colours): string {
    if (column === 'head') return to.dim(cell);
    if (column === 0) return to.bold(cell);
    if (column !== 1) return cell;
    const state = cell.trim();
    return state === 'ready' ? to.green(cell) : state === 'pausing' ? to.red(cell) : to.yellow(cell);
  }
}

function rowsOf(name: string, part: YardStatus['registry'], live: string, standby: string, now: Date): string[][] {
  if (part.instances.length === 0) return [[name, part.state, live, standby, '', '', '', '']];
  return part.instances.map((instance, index) => [
    index === 0 ? name : '',
    instance.state,
    index === 0 ? live : '',
    index === 0 ? standby : '',
    String(instance.port),
    instance.pid === null ? '' : String(instance.pid),
    since(instance.startedAt, now),
    String(instance.restarts),
  ]);
}
