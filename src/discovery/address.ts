import { isIP, isIPv4, SocketAddress } from 'node:net';

/** As net.isIPv6, which makes its pattern for any text when it is first asked: 5 to 9 ms of each command. An IPv4 address is known without it. */
const isIPv6 = (text: string): boolean => isIP(text) === 6;

/** `host:port` as every tool writes it: IPv6 in brackets. */
export const formatEndpoint = (host: string, port: number): string =>
  isIPv6(host) ? `[${host}]:${port}` : `${host}:${port}`;

/** `fe80::/10`, with or without a zone. */
export const isLinkLocal6 = (address: string): boolean => /^fe[89ab][0-9a-f]:/i.test(address);

/** An address that one host on the network can have: not unspecified, loopback, multicast or broadcast. */
export function isUnicast(address: string): boolean {
  if (isIPv4(address)) return !/^(0|127|22[4-9]|2[3-5]\d)\./.test(address);
  return isIPv6(address) && !/^(ff|::1?$|::1?%)/i.test(address) && !/^::ffff:/i.test(address);
}

/**
 * The addresses in the order to try them, each once: first the one that the host answered from (a path to it exists), then IPv4, then global and unique-local IPv6, then link-local.
 */
export function bestFirst(addresses: Iterable<string>, answeredFrom?: string): string[] {
  const rank = (address: string): number =>
    (address === answeredFrom ? 0 : 4) + (isIP(address) === 4 ? 0 : isLinkLocal6(address) ? 2 : 1);
  return [...new Set(addresses)].sort((a, b) => rank(a) - rank(b));
}

/** One spelling for every address, so that addresses can be compared as text. A zone is kept as it is. */
export function canonical(address: string): string {
  if (!isIPv6(address)) return address;
  const [digits = address, zone] = address.split('%');
  const shortest = new SocketAddress({ address: digits, family: 'ipv6' }).address;
  return zone === undefined ? shortest : `${shortest}%${zone}`;
}
