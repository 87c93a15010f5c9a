import { closeSync, constants, existsSync, openSync, readdirSync, writeSync } from 'node:fs';
import { commandLine } from './command-line.js';
import { compiled } from './compiled.js';
import { startDetached } from './device-processes.js';
import { type DeviceRecord, deviceFile } from './device-record.js';
import { interfaceExists, ipBatch, networkOf } from './host-network.js';
import { mustRun } from './program.js';
import type { LinkProfile } from './virtual-device-options.js';

/** What a home router's queue holds at least; more where a full round trip needs it. */
const SMALLEST_QUEUE_BYTES = 256 * 1024;

/** Gives the slow link this shape; makes the link first when the device has none. */
export async function shapeLink(record: DeviceRecord, profile: LinkProfile): Promise<void> {
  if (!interfaceExists(networkOf(record).link)) await createLink(record);
  // Without O_NONBLOCK the open would wait for ever when tunlink has died; so it fails with ENXIO.
  const control = openSync(controlFifo(record), constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(control, shapeLine(profile));
  } finally {
    closeSync(control);
  }
}

/** The line that tunlink reads: see tunlink.c. */
function shapeLine({ roundTripMs, megabitPerSecond, lossPercent = 0 }: LinkProfile): string {
  const bitsPerSecond = Math.round(megabitPerSecond * 1e6);
  const roundTripBytes = Math.round((bitsPerSecond / 8) * (roundTripMs / 1000));
  const queueBytes = Math.max(SMALLEST_QUEUE_BYTES, roundTripBytes);
  return `${Math.round(roundTripMs * 500)} ${bitsPerSecond} ${queueBytes} ${Math.round(lossPercent * 10_000)}\n`;
}

async function createLink(record: DeviceRecord): Promise<void> {
  const net = networkOf(record);
  await startTunlink(record);
  await ipBatch(
    [],
    [`address add ${net.linkHostAddress} peer ${net.linkAddress} dev ${net.link}`, `link set ${net.link} up`],
  );
  await ipBatch(
    ['-n', net.namespace],
    [`address add ${net.linkAddress} peer ${net.linkHostAddress} dev link0`, 'link set link0 up'],
  );
}

async function startTunlink(record: DeviceRecord): Promise<void> {
  const { name } = record.options;
  const net = networkOf(record);
  const fifo = controlFifo(record);
  if (!existsSync(fifo)) await mustRun(['mkfifo', fifo]);
  const argv = [await compiled('tunlink'), net.link, net.namespaceFile, 'link0', fifo];
  await startDetached(argv, deviceFile(name, 'log/tunlink.log'));
}

/** Ends the link of a device, also one that a crashed run left: it is found by its command line. */
export function killLinkProcesses(namespaceFile: string): void {
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const argv = commandLine(entry);
    if (argv[0]?.includes('/tunlink-') === true && argv[2] === namespaceFile)
      process.kill(Number(entry), 'SIGKILL');
  }
}

function controlFifo(record: DeviceRecord): string {
  return deviceFile(record.options.name, 'link.fifo');
}
