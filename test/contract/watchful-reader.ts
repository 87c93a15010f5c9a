import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { mustRun } from '../testbed/program.js';
import type { VirtualDevice } from '../testbed/virtual-device.js';

/** Reads a file again and again, and says what was in it whenever that was not one letter from end to end. */
const SCRIPT = `
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

/** A process in a container that looks at a file of so many times the same letter, `a` or `b`, while it is exchanged. */
export class WatchfulReader {
  private readonly docker: readonly string[];
  private readonly output: Promise<string>;

  constructor(device: VirtualDevice, container: string, path: string, sizeBytes: number) {
    this.docker = ['-H', `unix://${device.engineDoor}`, 'exec', container];
    const argv = [...this.docker, 'sh', '-c', SCRIPT, 'sh', path, String(sizeBytes)];
    const reader = spawn('docker', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    this.output = text(reader.stdout);
  }

  /** A line for each look that did not find the whole file, and how often it did. */
  async seen(): Promise<string> {
    await mustRun(['docker', ...this.docker, 'sh', '-c', 'mkdir -p /tmp; : >/tmp/stop']);
    return this.output;
  }
}
