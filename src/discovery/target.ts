import { isIP, isIPv4, isIPv6 } from 'node:net';
import { ExitCode, RdtError } from '../errors.js';
import { canonical, isLinkLocal6, isUnicast } from './address.js';
import { printable } from './printable.js';

/** Which ports the user named. A bare port may be the engine's or ssh's: both are tried there. */
export type TargetPorts =
  | { readonly type: 'usual' }
  | { readonly type: 'either'; readonly port: number }
  | { readonly type: 'engine'; readonly port: number | undefined }
  | { readonly type: 'ssh'; readonly port: number | undefined; readonly user: string | undefined };

/** What a user typed for `[deviceIp]`. A name may be a hostname, a `.local` name or the name of a discovered device. */
export type Target =
  | { readonly type: 'address'; readonly address: string; readonly ports: TargetPorts }
  | { readonly type: 'name'; readonly name: string; readonly ports: TargetPorts };

const FORMS =
  'Write an address (10.0.0.5, fe80::1%eth0), a name (kitchen, kitchen.local), either with a port (10.0.0.5:2375, [fe80::1%eth0]:22222), or ssh://root@host:port, tcp://host:port.';

/** Throws a usage error (exit 2) that says what is wrong with the text. */
export function parseTarget(text: string): Target {
  if (text.trim() === '') throw invalid(text, 'is empty');
  if (printable(text) !== text) throw invalid(text, 'holds characters that cannot be in a name');
  const url = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(text);
  if (url !== null) return parseUrl(text, (url[1] ?? '').toLowerCase(), url[2] ?? '');
  const { host, port } = splitPort(text, text);
  return toTarget(text, host, port === undefined ? { type: 'usual' } : { type: 'either', port });
}

function parseUrl(text: string, scheme: string, rest: string): Target {
  const authority = rest.replace(/\/$/, '');
  switch (scheme) {
    case 'tcp': {
      const { host, port } = splitPort(text, authority);
      return toTarget(text, host, { type: 'engine', port });
    }
    case 'ssh': {
      const at = authority.lastIndexOf('@');
      const { host, port } = splitPort(text, authority.slice(at + 1));
      return toTarget(text, host, { type: 'ssh', port, user: parseUser(text, authority, at) });
    }
    default:
      throw invalid(text, `starts with ${scheme}://, which is neither ssh:// nor tcp://`);
  }
}

function parseUser(text: string, authority: string, at: number): string | undefined {
  if (at === -1) return undefined;
  const user = authority.slice(0, at);
  if (user.includes(':')) throw invalid(text, 'holds a password; rdt takes none');
  if (!/^[a-z_][a-z0-9_.-]*\$?$/i.test(user)) throw invalid(text, 'has no valid user name before the @');
  return user;
}

/** Splits `host`, `host:port`, `[v6]`, `[v6]:port`. An IPv6 address without brackets has no port. */
function splitPort(text: string, endpoint: string): { host: string; port: number | undefined } {
  if (endpoint.startsWith('[')) return splitBrackets(text, endpoint);
  const colon = endpoint.indexOf(':');
  if (colon === -1 || isIPv6(endpoint)) return { host: endpoint, port: undefined };
  if (endpoint.indexOf(':', colon + 1) !== -1) {
    throw invalid(
      text,
      'has several colons but is not an IPv6 address',
      'An IPv6 address with a port needs brackets: [fe80::1%eth0]:22222.',
    );
  }
  return { host: endpoint.slice(0, colon), port: parsePort(text, endpoint.slice(colon + 1)) };
}

function splitBrackets(text: string, endpoint: string): { host: string; port: number | undefined } {
  const match = /^\[([^\]]*)\](?::(.*))?$/.exec(endpoint);
  if (match === null)
    throw invalid(text, 'has a bracket that does not close, or something after it that is not a port');
  const host = (match[1] ?? '').replace('%25', '%');
  if (!isIPv6(host)) throw invalid(text, 'has something other than an IPv6 address in brackets');
  return { host, port: match[2] === undefined ? undefined : parsePort(text, match[2]) };
}

function parsePort(text: string, digits: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > 65535)
    throw invalid(text, `has the port "${digits}"; a port is a number from 1 to 65535`);
  return port;
}

function toTarget(text: string, host: string, ports: TargetPorts): Target {
  if (isIP(host) !== 0) return { type: 'address', address: checkAddress(text, canonical(host)), ports };
  return { type: 'name', name: checkName(text, host), ports };
}

function checkAddress(text: string, address: string): string {
  if (isLinkLocal6(address) && !address.includes('%')) {
    throw invalid(
      text,
      'is a link-local address without its interface',
      `Add the interface, e.g. ${address}%eth0.`,
    );
  }
  const isLoopback = address === '::1' || (isIPv4(address) && address.startsWith('127.'));
  if (!isUnicast(address) && !isLoopback) throw invalid(text, 'is not the address of one host');
  return address;
}

/** Instance names may hold nearly anything (RFC 6763, 4.1.1); refused is what can only be a mistake. */
function checkName(text: string, name: string): string {
  if (name === '') throw invalid(text, 'names no host');
  if (/^\d+(\.\d*)+$/.test(name)) throw invalid(text, 'looks like an IPv4 address but is not one');
  if (name.includes('@')) throw invalid(text, 'has a user name; that needs ssh://', `Try ssh://${name}.`);
  if (/[/\\[\]%]/.test(name) || name.startsWith('-')) throw invalid(text, 'is neither an address nor a name');
  if (Buffer.byteLength(name) > 253) throw invalid(text, 'is too long for a name');
  return name.replace(/\.$/, '');
}

const invalid = (text: string, reason: string, hint = FORMS): RdtError =>
  new RdtError(`The device "${printable(withoutPassword(text))}" ${reason}.`, {
    exitCode: ExitCode.usage,
    hint,
  });

const withoutPassword = (text: string): string => text.replace(/(:\/\/[^:@]*):.*@/, '$1:***@');
