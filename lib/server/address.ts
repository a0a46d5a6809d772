import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import type { FastifyRequest } from 'fastify';

import { limits } from '../options/limits.js';

/**
 * The proxies whose X-Forwarded-* headers are believed: the nearest so many (true: one), or those with these addresses,
 * networks (`10.0.0.0/8`) or names of networks (`loopback`, `linklocal`, `private`).
 */
export type TrustedProxies = boolean | number | readonly string[];

export type Trust = (address: string | undefined, hop: number) => boolean;

const NETWORKS: Partial<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.0/8', '::1/128'],
  linklocal: ['169.254.0.0/16', 'fe80::/10'],
  private: ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'],
};
const NEAR = blockList(Object.keys(NETWORKS));

/**
 * Whether what an address says of the next one is believed; `hop` counts from 0, our peer. Where proxies are counted, the nearest
 * must be on this machine or in a private network: a client on the internet that reaches the port directly is no proxy.
 * @throws TypeError for what is neither a number of proxies nor an address
 */
export function trustOf(proxies: TrustedProxies): Trust | false {
  if (proxies === false || proxies === 0) return false;
  if (typeof proxies === 'object') {
    const list = blockList(proxies);
    return (address) => address === undefined || contains(list, address);
  }
  const hops = Number(proxies);
  if (!Number.isInteger(hops) || hops < limits.proxies.min || hops > limits.proxies.max) {
    throw new TypeError(`Invalid options: trustProxy: expected up to ${limits.proxies.max} proxies or their addresses`);
  }
  return (address, hop) => hop < hops && (hop > 0 || address === undefined || contains(NEAR, address));
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks.flatMap((name) => NETWORKS[name] ?? [name])) {
    const [address = '', bits, ...rest] = network.split('/');
    const family = isIP(address);
    const most = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
    if (family === 0 || rest.length > 0 || !(prefix >= 1 && prefix <= most)) {
      throw new TypeError(
        `Invalid options: trustProxy: expected addresses such as 10.0.0.0/8, got ${network.slice(0, 100)}`,
      );
    }
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

function contains(list: BlockList, text: string): boolean {
  const address = plainAddress(text);
  return address !== undefined && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** The client's address: the farthest that a proxy of ours has named. */
export function clientAddress(request: FastifyRequest): string {
  const named: readonly (string | undefined)[] = request.ips ?? [request.socket.remoteAddress];
  for (const address of [...named].reverse()) {
    const plain = plainAddress(address);
    if (plain !== undefined) return plain;
  }
  return 'local'; // a Unix socket
}

/** What limits count by: an IPv4 address, or the /64 network of IPv6, all of which one subscriber has. */
export function limitKey(address: string): string {
  return address.includes(':') ? `${address.split(':').slice(0, 4).join(':')}::/64` : address;
}

/** An address without port and zone, written in one way: IPv4 (also where it is mapped into IPv6), or eight groups of IPv6. */
export function plainAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const bare = text.replace(/^(?:\[([^\]]*)\]|(\d+\.\d+\.\d+\.\d+))(?::\d+)?$/, '$1$2').replace(/%.*$/s, '');
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return undefined;
  const [left = '', right] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::');
  const [first, last] = [left, right ?? ''].map((half) => half.split(':').filter(Boolean)) as [string[], string[]];
  const groups = [...first, ...Array<string>(8 - first.length - last.length).fill('0'), ...last];
  if (groups.slice(0, 5).every((group) => group === '0') && groups[5] === 'ffff') {
    return groups
      .slice(6)
      .flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255])
      .join('.');
  }
  return groups.join(':');
}
