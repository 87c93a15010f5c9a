import { readFileSync } from 'node:fs';
import { eventually } from '../testbed/eventually.js';

/** Looks in a row at which a process has read nothing. */
const QUIET_LOOKS = 5;
const LOOK_EVERY_MS = 100;

/** Resolves when a process has stopped to read from its device, because its own reader does not read. */
export async function untilStuck(pid: number | undefined): Promise<void> {
  let last = -1;
  let quiet = 0;
  const isStuck = (): Promise<boolean> => {
    const read = bytesRead(pid);
    quiet = read === last ? quiet + 1 : 0;
    last = read;
    return Promise.resolve(quiet >= QUIET_LOOKS);
  };
  await eventually(isStuck, {
    what: `the standstill of ${String(pid)}`,
    withinMs: 20_000,
    everyMs: LOOK_EVERY_MS,
  });
}

/** Peak of the memory of a process, in megabytes. */
export function peakMegabytes(pid: number): number {
  const [, kilobytes = '0'] = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

/** By all its system calls, sockets included. */
export function bytesRead(pid: number | undefined): number {
  return Number(/^rchar: (\d+)/m.exec(readFileSync(`/proc/${String(pid)}/io`, 'utf8'))?.[1]);
}
