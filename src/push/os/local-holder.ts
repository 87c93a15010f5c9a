import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname, networkInterfaces } from 'node:os';
import { errorCode } from '../../system-error.js';
import type { Holder } from '../lock-tickets.js';

/** This process, as a holder of locks. */
export class LocalHolder implements Holder {
  constructor(
    readonly name: string,
    private readonly platform: NodeJS.Platform,
    private readonly pid: number,
  ) {}

  get process(): string {
    return `${this.idsOf()}/${this.pid}`;
  }

  hasEnded(process: string): boolean {
    const [ids, pid] = process.split('/');
    return ids === this.idsOf() && pid !== undefined && /^[1-9]\d*$/.test(pid) && !isAlive(Number(pid));
  }

  /** Where a process id names one process: computers share host names, and a container has process ids of its own. */
  private idsOf(): string {
    const hash = createHash('sha256').update(
      (this.platform === 'linux' ? linuxIds() : undefined) ?? computer(),
    );
    return hash.digest('hex').slice(0, 32);
  }
}

/** Undefined where /proc is hidden. */
function linuxIds(): string | undefined {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8') + readlinkSync('/proc/self/ns/pid');
  } catch (error) {
    if (errorCode(error) === undefined) throw error;
    return undefined;
  }
}

function computer(): string {
  const links = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const stations = links.filter(({ internal }) => !internal).map(({ mac }) => mac);
  return [hostname(), ...[...new Set(stations)].sort()].join(' ');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // That of another user is refused.
    return errorCode(error) !== 'ESRCH';
  }
}
