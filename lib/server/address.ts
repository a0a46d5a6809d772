import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

import { limits } from '../options/limits.js';
import { InvalidOptionsError } from '../options/parse.js';
import { shown } from '../shared/text.js';
import type { FastifyRequest } from '../vendor/server.js';

/**
 * The proxies whose X-Forwarded-* headers are trusted: a number of proxies in a row (true: one), or their addresses, networks
 * (`10.0.0.0/8`) or names of networks (`loopback`, `linklocal`, `private`).
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
 * Returns a function that decides whether the X-Forwarded-For entry of an address is trusted. `hop` counts from 0, the peer of
 * the connection. If proxies are counted, the nearest one must be on this machine or in a private network, because a client on
 * the internet that reaches the port directly is not a proxy.
 * @throws InvalidOptionsError
 */
export function trustOf(proxies: TrustedProxies): Trust | false {
  if (proxies === false || proxies === 0) return false;
  if (typeof proxies === 'object') {
    const list = blockList(proxies);
    return (address) => address === undefined || contains(list, address);
  }
  const hops = Number(proxies);
  if (!Number.isInteger(hops) || hops < limits.proxies.min || hops > limits.proxies.max) {
    const range = `${limits.proxies.min} to ${limits.proxies.max}`;
    throw new InvalidOptionsError(`trustProxy: expected a number of proxies, ${range}, or their addresses`);
  }
  return (address, hop) => hop < hops && (hop > 0 || address === undefined || contains(NEAR, address));
}

function blockList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks.flatMap((name) => NETWORKS[name] ?? [name])) {
    const [address = '', bits, ...rest] = network.split('/');
    const family = isIP(address);
    const maxBits = family === 6 ? 128 : 32;
    const prefix = bits === undefined ? maxBits : /^\d{1,3}$/.test(bits) ? Number(bits) : NaN;
    if (family === 0 || rest.length > 0 || !(prefix >= 1 && prefix <= maxBits)) {
      const what = `trustProxy: expected addresses such as 10.0.0.0/8, received ${shown(network, 100)}`;
      throw new InvalidOptionsError(what);
    }
    list.addSubnet(address, prefix, family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

function contains(list: BlockList, text: string): boolean {
  const address = plainAddress(text);
  return address !== undefined && list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** Returns the address of the client: the farthest one that trusted proxies have reported. */
export function clientAddress(request: FastifyRequest): string {
  const reported: readonly (string | undefined)[] = request.ips ?? [request.socket.remoteAddress];
  for (const address of [...reported].reverse()) {
    const plain = plainAddress(address);
    if (plain !== undefined) return plain;
  }
  return 'local'; // a Unix socket
}

/** Returns the key that limits count by: an IPv4 address, or the /64 network of an IPv6 address, which one subscriber has. */
export function limitKey(address: string): string {
  return address.includes(':') ? `${address.split(':').slice(0, 4).join(':')}::/64` : address;
}

/**
 * Returns an address in canonical form, without port and zone: IPv4 (also if it is mapped into IPv6), or eight groups of IPv6;
 * undefined for anything else.
 */
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
