/** Where requests may be sent: never to link-local addresses (cloud metadata among them), never to the gateway itself. */
import { BlockList, isIP, SocketAddress } from 'node:net';

const forbidden = new BlockList();
forbidden.addSubnet('169.254.0.0', 16, 'ipv4');
forbidden.addSubnet('0.0.0.0', 8, 'ipv4');
forbidden.addSubnet('224.0.0.0', 3, 'ipv4');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('ff00::', 8, 'ipv6');
forbidden.addAddress('::', 'ipv6');
forbidden.addAddress('fd00:ec2::254', 'ipv6');

/** Whether an IP address may be connected to. */
export function isAllowedAddress(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && !forbidden.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

export interface OwnAddress {
  readonly host: string;
  readonly port: number;
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127\.[0-9.]+$/.test(host) || host === '0.0.0.0' || host === '::';

/** Why an instance at this address is not routed to; null when it is. Names are checked again when they are resolved. */
export function refusedAddress(host: string, port: number, own: readonly OwnAddress[]): string | null {
  const bare = settled(host.replace(/^\[(.*)\]$/, '$1').toLowerCase());
  if (isIP(bare) !== 0) {
    if (!isAllowedAddress(bare)) return 'link-local, multicast or unspecified address';
  } else if (!/^[a-z0-9](?:[a-z0-9._-]{0,252}[a-z0-9_])?$/.test(bare)) return 'not a host name';
  for (const address of own)
    if (address.port === port && (address.host === bare || (isLoopback(address.host) && isLoopback(bare))))
      return 'the gateway itself';
  return null;
}

/** IPv6 in its one short form: `::1` for `0:0:0:0:0:0:0:1`. */
const settled = (host: string): string =>
  isIP(host) === 6 ? new SocketAddress({ address: host, family: 'ipv6' }).address : host;
