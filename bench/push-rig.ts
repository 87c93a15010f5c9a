import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { VirtualDevice } from '../test/testbed/virtual-device.js';

const RDT = process.env['RDT_BIN'] ?? fileURLToPath(new URL('../bin/rdt.js', import.meta.url));
const ORIGINAL = fileURLToPath(new URL('original-flow.mjs', import.meta.url));
const ORIGINAL_BUILD = fileURLToPath(new URL('original-build.mjs', import.meta.url));
const DESTINATION = '/usr/src/app';

/** Where somebody has set it, each Node process reads all certificates of the machine before its first line, which takes 30 ms. */
export const NO_EXTRA_CERTIFICATES = { NODE_EXTRA_CA_CERTS: undefined };

/** Ends by itself at SIGTERM, as a well-made app does: the restart of the original takes ten seconds with any other. */
export const POLITE = 'trap "exit 0" TERM; while :; do sleep 0.05 & wait; done';
export const STUBBORN = 'while :; do sleep 1; done';

export interface ProjectSize {
  readonly files: number;
  readonly bytesPerFile: number;
}

/** A folder with an app of its own on the device, so that no method sees the traces of another. */
export class BenchProject implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'rdt-bench-'));
  private readonly state = mkdtempSync(join(tmpdir(), 'rdt-bench-state-'));
  private version = 0;

  constructor(
    readonly app: string,
    readonly size: ProjectSize,
    command: string,
    runSeconds = 0,
  ) {
    const run = runSeconds === 0 ? '' : `RUN sleep ${runSeconds}\n`;
    writeFileSync(
      join(this.folder, 'Dockerfile'),
      `FROM busybox\nWORKDIR ${DESTINATION}\nCOPY package.json .\n${run}COPY . .\nCMD ${JSON.stringify(['sh', '-c', command])}\n`,
    );
    this.touchTrigger();
    for (let index = 0; index < size.files; index++) this.write(index, 0);
  }

  /** Gives `count` files new content, the same for every project of this size. */
  edit(count: number, round: number): void {
    const step = Math.max(1, Math.floor(this.size.files / count));
    for (let index = 0; index < count; index++)
      this.write((index * step + round) % this.size.files, round + 1);
  }

  touchTrigger(): void {
    writeFileSync(
      join(this.folder, 'package.json'),
      JSON.stringify({ name: this.app, version: `1.0.${this.version++}` }),
    );
  }

  private write(index: number, round: number): void {
    const folder = join(this.folder, 'src', `d${index % 50}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `file${index}.js`), sourceText(this.size.bytesPerFile, `${index}/${round}`));
  }

  /** A cold `rdt push`, whole process. */
  rdt(address: string, ...flags: string[]): number {
    const args = [RDT, 'push', address, '--app-name', this.app, '--skip-logs', ...flags];
    return timed(process.execPath, args, { cwd: this.folder, RDT_STATE_DIR: this.state });
  }

  original(address: string, ...flags: string[]): number {
    return timed(process.execPath, [ORIGINAL, address, this.app, DESTINATION, this.folder, ...flags], {
      cwd: this.folder,
    });
  }

  originalBuild(address: string): number {
    return timed(process.execPath, [ORIGINAL_BUILD, address, this.app, this.folder], { cwd: this.folder });
  }

  /** rsync as a person would type it, straight into the container's merged folder, which is looked up beforehand. */
  rsync(address: string, mergedFolder: string): number {
    const ssh =
      'ssh -p 22222 -o LogLevel=ERROR -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o ControlMaster=no';
    const target = `root@${address}:${mergedFolder}${DESTINATION}/`;
    return timed('rsync', ['-az', '--delete', `--rsh=${ssh}`, './', target], { cwd: this.folder });
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(this.state, { recursive: true, force: true });
  }
}

/** Where the container's files lie on the device, for the yardsticks that write there. */
export async function mergedFolder(device: VirtualDevice, container: string): Promise<string> {
  const { stdout } = await device.docker('inspect', '--format', '{{.GraphDriver.Data.MergedDir}}', container);
  return stdout.trim();
}

/** Text that gzip makes about half as large, as it does with source code. */
function sourceText(sizeBytes: number, seed: string): string {
  let text = '';
  for (let block = 0; text.length < sizeBytes; block++) {
    const noise = createHash('sha256').update(`${seed}/${block}`).digest('base64');
    text += `const value = compute('${noise}');\n`;
  }
  return text.slice(0, sizeBytes);
}

function timed(
  command: string,
  args: readonly string[],
  { cwd, ...env }: { cwd: string; RDT_STATE_DIR?: string },
): number {
  const start = performance.now();
  const result = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...NO_EXTRA_CERTIFICATES, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const duration = performance.now() - start;
  if (result.status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed:\n${result.stderr.toString()}`);
  return duration;
}
