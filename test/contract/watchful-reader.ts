import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { mustRun } from '../testbed/program.js';
import type { VirtualDevice } from '../testbed/virtual-device.js';

/** Looks again and again whether `1` to `<count>` are there, and says which is not. */
const LOOK_SCRIPT = `
while true; do
  n=0
  while [ $n -lt "$2" ]; do
    n=$((n + 1))
    if [ ! -e "$1/$n" ] && [ ! -L "$1/$n" ]; then echo "$n is missing"; fi
  done
  looks=$((looks + 1))
  if [ -e /tmp/stop ]; then echo "$looks looks"; exit; fi
done
`;

/** Reads a file again and again, and says what was in it whenever that was not one letter from end to end. */
const READ_SCRIPT = `
while true; do
  content=$(cat "$1" 2>&1) || { echo "missing"; continue; }
  case $content in
    *[!a]*) case $content in *[!b]*) echo "mixed" ;; esac ;;
  esac
  if [ \${#content} != "$2" ]; then echo "\${#content} bytes"; fi
  reads=$((reads + 1))
  if [ -e /tmp/stop ]; then echo "$reads reads"; exit; fi
done
`;

/** A process in a container that looks at files while they are exchanged. */
export class WatchfulReader {
  private readonly docker: readonly string[];
  private readonly output: Promise<string>;

  private constructor(device: VirtualDevice, container: string, script: string, args: readonly string[]) {
    this.docker = ['-H', `unix://${device.engineDoor}`, 'exec', container];
    const argv = [...this.docker, 'sh', '-c', script, 'sh', ...args];
    const reader = spawn('docker', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.output = text(reader.stdout);
  }

  /** Of a file of so many times the same letter, `a` or `b`. */
  static ofContent(
    device: VirtualDevice,
    container: string,
    path: string,
    sizeBytes: number,
  ): WatchfulReader {
    return new WatchfulReader(device, container, READ_SCRIPT, [path, String(sizeBytes)]);
  }

  /** Of files and links `1` to `<count>`. */
  static ofNames(device: VirtualDevice, container: string, folder: string, count: number): WatchfulReader {
    return new WatchfulReader(device, container, LOOK_SCRIPT, [folder, String(count)]);
  }

  /** A line for each look that did not find the whole file, and how often it did. */
  async seen(): Promise<string> {
    await mustRun(['docker', ...this.docker, 'sh', '-c', 'mkdir -p /tmp; : >/tmp/stop']);
    return this.output;
  }
}
