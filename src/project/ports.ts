import { isIP } from 'node:net';
import { accepted, type Parsed, quoted, refused } from './parsed.js';

export interface PortMapping {
  readonly containerPort: number;
  /** Undefined: the engine chooses a free one. */
  readonly hostPort: number | undefined;
  /** Undefined: on all addresses of the device. */
  readonly hostIp: string | undefined;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
}

/** The first two that are to be the same port of the device; the engine finds that out when the app is started. */
export function clashingPorts(
  ports: readonly PortMapping[],
): readonly [PortMapping, PortMapping] | undefined {
  const byPort = new Map<string, PortMapping[]>();
  for (const port of ports) {
    if (port.hostPort === undefined) continue;
    const key = `${port.hostPort}/${port.protocol}`;
    const others = byPort.get(key) ?? [];
    const other = others.find(({ hostIp }) => haveCommonAddress(hostIp, port.hostIp));
    if (other !== undefined) return [other, port];
    byPort.set(key, [...others, port]);
  }
  return undefined;
}

function haveCommonAddress(a: string | undefined, b: string | undefined): boolean {
  if (a === undefined || b === undefined || a === b) return true;
  return isIP(a) === isIP(b) && [a, b].some((ip) => ip === '0.0.0.0' || ip === '::');
}

/** As the project file has it. */
export function formatPort({ hostIp, hostPort, containerPort, protocol }: PortMapping): string {
  const address = hostIp !== undefined && isIP(hostIp) === 6 ? `[${hostIp}]` : hostIp;
  const ports = `${hostPort ?? ''}:${containerPort}${protocol === 'tcp' ? '' : `/${protocol}`}`;
  return address === undefined ? ports : `${address}:${ports}`;
}

interface PortRange {
  readonly first: number;
  readonly count: number;
}

const SHAPE = /^(?:(?:(\[[^\]]+\]|[^:[\]]+):)?([0-9-]*):)?([0-9-]+)(?:\/(tcp|udp|sctp))?$/;
const ADVICE = 'must be [[ip:]host-port:]container-port[/tcp|udp|sctp], such as 8080:80';

/** The short syntax of `docker run -p`; a range (`8000-8002:9000-9002`) gives one mapping a port. */
export function parsePorts(text: string): Parsed<readonly PortMapping[]> {
  const shape = SHAPE.exec(text);
  if (shape === null) return refused(`${ADVICE}, not ${quoted(text)}`);
  const [, ip, host, container = '', protocol = 'tcp'] = shape;
  const hostIp = ip?.replace(/^\[|\]$/g, '');
  if (hostIp !== undefined && isIP(hostIp) === 0)
    return refused(`has no IP address before the ports: ${quoted(text)}`);
  const inside = parseRange(container);
  const outside = host === undefined || host === '' ? 'any' : parseRange(host);
  if (inside === undefined || outside === undefined)
    return refused(`has a port outside 1-65535: ${quoted(text)}`);
  if (outside !== 'any' && outside.count !== inside.count) {
    return refused(`maps ranges of different lengths: ${quoted(text)}`);
  }
  return accepted(
    Array.from({ length: inside.count }, (_, index) => ({
      containerPort: inside.first + index,
      hostPort: outside === 'any' ? undefined : outside.first + index,
      hostIp,
      protocol: protocol as PortMapping['protocol'],
    })),
  );
}

function parseRange(text: string): PortRange | undefined {
  const shape = /^([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text);
  if (shape === null) return undefined;
  const first = Number(shape[1]);
  const last = Number(shape[2] ?? shape[1]);
  return first >= 1 && last <= 65535 && first <= last ? { first, count: last - first + 1 } : undefined;
}
