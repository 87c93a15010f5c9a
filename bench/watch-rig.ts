import { closeSync, openSync, readSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { readRecord } from '../test/testbed/device-record.js';
import type { VirtualDevice } from '../test/testbed/virtual-device.js';
import { mergedFolder } from './push-rig.js';

export const DESTINATION = '/usr/src/app';
const PATIENCE_MS = 180_000;

/** Looks into a running container from outside, through the kernel: no program in it, and no engine, is asked. */
export class ContainerEye {
  private constructor(private readonly root: string) {}

  static async open(device: VirtualDevice, app: string): Promise<ContainerEye> {
    const merged = await mergedFolder(device, app);
    const { init } = readRecord(device.name);
    return new ContainerEye(`/proc/${init?.pid ?? 0}/root${merged}${DESTINATION}`);
  }

  /** Resolves when all these files have the bytes that they should, at the place where they should; looks every half millisecond. */
  async untilReadable(files: readonly ExpectedBytes[]): Promise<void> {
    const deadline = performance.now() + PATIENCE_MS;
    let next = 0;
    for (;;) {
      while (next < files.length && this.holds(files[next])) next++;
      if (next === files.length) return;
      if (performance.now() > deadline) throw new Error(`${files[next]?.path ?? ''} was not synced`);
      await delay(0.5);
    }
  }

  private holds(file: ExpectedBytes | undefined): boolean {
    if (file === undefined) return true;
    const { path, bytes, offset } = file;
    try {
      const handle = openSync(`${this.root}/${path}`, 'r');
      try {
        const found = Buffer.alloc(bytes.length);
        return readSync(handle, found, 0, found.length, offset) === bytes.length && found.equals(bytes);
      } finally {
        closeSync(handle);
      }
    } catch {
      // Not there yet.
      return false;
    }
  }
}

export interface ExpectedBytes {
  readonly path: string;
  readonly offset: number;
  readonly bytes: Buffer;
}
