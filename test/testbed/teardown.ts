import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { deviceFolder, deviceNames, findRecord, isAlive } from './device-record.js';
import { killAll } from './device-processes.js';
import { cgroupOf } from './device-services.js';
import { eventually } from './eventually.js';
import { namespaceOf, removeNamespace, removeNetwork } from './host-network.js';
import { runProgram } from './program.js';
import { killLinkProcesses } from './slow-link.js';

/** Removes every device whose owner has ended without taking it down. Call it under the lock. */
export async function sweepOrphans(): Promise<void> {
  for (const name of deviceNames()) {
    const record = findRecord(name);
    if (record === undefined || !isAlive(record)) await destroyDevice(name);
  }
}

/** Removes whatever there is of a device, in any state: processes, mounts, interfaces, cgroups, folder. Call it under the lock. */
export async function destroyDevice(name: string): Promise<void> {
  await killAll(name);
  killLinkProcesses(`/run/netns/${namespaceOf(name)}`);
  const record = findRecord(name);
  if (record === undefined) await removeNamespace(name);
  else await removeNetwork(record);
  await removeCgroups(name);
  await unmountBelow(deviceFolder(name));
  rmSync(deviceFolder(name), { recursive: true, force: true });
}

/** The kernel unmounts with the last process; only a crash in the middle of a boot leaves something in our own namespace. */
async function unmountBelow(folder: string): Promise<void> {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const points = mounts
    .flatMap((line) => line.split(' ')[1] ?? [])
    .filter((path) => path.startsWith(`${folder}/`));
  for (const point of points.reverse()) await runProgram(['umount', '--lazy', point]);
}

/** Containers that were killed leave empty cgroups behind, in each hierarchy. */
async function removeCgroups(name: string): Promise<void> {
  const hierarchies = ['', ...readdirSync('/sys/fs/cgroup')].map((entry) => join('/sys/fs/cgroup', entry));
  const folders = hierarchies.map((path) => join(path, cgroupOf(name))).filter((path) => existsSync(path));
  for (const folder of folders) {
    await eventually(
      async () => (await runProgram(['find', folder, '-depth', '-type', 'd', '-delete'])).exitCode === 0,
      {
        what: `The removal of ${folder}`,
        withinMs: 5000,
      },
    );
  }
}
