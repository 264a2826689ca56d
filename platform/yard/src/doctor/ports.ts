/** Looks at every port that a yard file names: free, held by this yard, or taken and by whom. */
import type { YardFile } from '@switchyard/contracts/yard-file';
import { isPortFree, portHolders } from '../runtime/ports.ts';
import type { PortHolder } from '../runtime/ports.ts';
import { well, wrong } from './finding.ts';
import type { Finding } from './finding.ts';

export interface NamedPort {
  readonly port: number;
  readonly use: string;
  readonly host: string;
}

export function portsOf(yard: YardFile): NamedPort[] {
  const host = '127.0.0.1';
  const { tls } = yard.gateway.settings;
  return [
    { port: yard.registry.port, use: 'registry', host },
    { port: yard.gateway.port, use: 'gateway', host: yard.gateway.host },
    ...(tls === undefined ? [] : [{ port: tls.port, use: "the gateway's HTTPS", host: yard.gateway.host }]),
    { port: yard.gateway.adminPort, use: "the gateway's admin", host },
    ...Object.entries(yard.services).flatMap(([name, { ports }]) => [
      { port: ports[0], use: `${name}, blue`, host },
      { port: ports[1], use: `${name}, green`, host },
    ]),
  ];
}

/** `isOwn` says whether a process belongs to this yard. */
export async function examinePorts(yard: YardFile, isOwn: (pid: number) => boolean): Promise<Finding[]> {
  return Promise.all(portsOf(yard).map((port) => examinePort(port, isOwn)));
}

async function examinePort({ port, use, host }: NamedPort, isOwn: (pid: number) => boolean): Promise<Finding> {
  const about = `port ${port}`;
  if (await isPortFree(port, host)) return well(about, `free (${use})`);
  const holders = portHolders(port);
  if (holders.some(({ pid }) => isOwn(pid))) return well(about, `held by this yard (${use})`);
  return wrong(about, `wanted by ${use}, taken by ${holderText(holders)}`, adviceFor(port, holders[0]));
}

const holderText = (holders: readonly PortHolder[]): string =>
  holders.length === 0
    ? 'a process of another user'
    : holders.map(({ pid, command }) => `pid ${pid} (${command})`).join(', ');

function adviceFor(port: number, holder: PortHolder | undefined): string {
  if (process.platform === 'darwin' && (port === 7000 || port === 5000)) {
    return 'this is AirPlay Receiver: System Settings, General, AirDrop & Handoff, AirPlay Receiver off; or write another port into switchyard.yaml';
  }
  const stop =
    holder === undefined ? 'stop it (root sees who it is: sudo yard doctor)' : `stop it (kill ${holder.pid})`;
  return `${stop}, or write another port into switchyard.yaml`;
}
