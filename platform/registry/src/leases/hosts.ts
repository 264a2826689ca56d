/** Decides at which addresses instances may be: what the registry probes and the gateway sends requests to. */
import { BlockList, isIP, isIPv6 } from 'node:net';

const listOf = (subnets: readonly (readonly [string, number])[]): BlockList => {
  const list = new BlockList();
  for (const [net, prefix] of subnets) list.addSubnet(net, prefix, isIPv6(net) ? 'ipv6' : 'ipv4');
  return list;
};
const within = (list: BlockList, address: string): boolean => list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4');

const LOOPBACK = listOf([
  ['127.0.0.0', 8],
  ['::1', 128],
]);
const PRIVATE = listOf([
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['fc00::', 7],
]);
/** Never, whatever is configured: link-local (cloud metadata lives there) and metadata services at private addresses. */
const NEVER = listOf([
  ['169.254.0.0', 16],
  ['fe80::', 10],
  ['fd00:ec2::254', 128],
  ['100.100.100.200', 32],
  ['168.63.129.16', 32],
  ['0.0.0.0', 8],
  ['::', 128],
  ['224.0.0.0', 4],
  ['ff00::', 8],
  ['255.255.255.255', 32],
]);

/** IPv4 written as IPv6; a list of its own, because a BlockList takes every IPv4 address for one of these. */
const MAPPED = listOf([['::ffff:0:0', 96]]);

export const isLoopbackAddress = (address: string): boolean =>
  isIP(address) !== 0 && within(LOOPBACK, address.replace(/^::ffff:(?=\d+\.)/i, ''));

/** `localhost`, or a loopback address, as a person writes them. */
export const isLoopbackHost = (host: string): boolean => host === 'localhost' || isLoopbackAddress(host);

export class InstanceHosts {
  private readonly allowed: ReadonlySet<string>;

  /** `allowed`: `loopback`, `private`, and exact addresses or names (lower case). Names that are not listed are refused: they could be made to point anywhere. */
  constructor(allowed: readonly string[]) {
    this.allowed = new Set(allowed);
  }

  /** Null when an instance may be at `host`, else why not. */
  refusalOf(host: string): string | null {
    const name = host.toLowerCase();
    if (isIP(name) === 0) {
      if (this.allowed.has(name) || (name === 'localhost' && this.allowed.has('loopback'))) return null;
      return `${host} is not an IP address, nor a name that INSTANCE_HOSTS allows`;
    }
    if (name.includes('%') || within(NEVER, name) || (isIPv6(name) && within(MAPPED, name)))
      return `${host} is link-local, or no address of one machine`;
    if (this.allowed.has('loopback') && within(LOOPBACK, name)) return null;
    if (this.allowed.has('private') && within(PRIVATE, name)) return null;
    return this.allowed.has(name) ? null : `${host} is outside of what INSTANCE_HOSTS allows`;
  }
}
