import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isMissing } from './device-record.js';
import { cgroupOf } from './device-services.js';

/** Where each version of the cgroup file system freezes processes, and what lets them go on. */
const FREEZERS = [
  { hierarchy: '/sys/fs/cgroup/freezer', file: 'freezer.state', thawed: 'THAWED' },
  { hierarchy: '/sys/fs/cgroup', file: 'cgroup.freeze', thawed: '0' },
];

/** Lets the paused containers of a device go on: frozen processes do not even die. */
export function thaw(name: string): void {
  for (const { hierarchy, file, thawed } of FREEZERS) {
    const folder = join(hierarchy, cgroupOf(name));
    for (const path of cgroupsBelow(folder)) {
      if (existsSync(join(path, file))) writeUnlessGone(join(path, file), thawed);
    }
  }
}

function cgroupsBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map((entry) => join(entry.parentPath, entry.name));
}

/** A container may end meanwhile. */
function writeUnlessGone(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}
