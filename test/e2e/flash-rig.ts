import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/rdt.js', import.meta.url));
const PREFIX = 'rdt-flash-e2e-';

const run = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8' }).trim();

/** A folder in memory with drives in it; everything is gone when it is disposed of, also after a crash of the tests. */
export class FlashRig implements Disposable {
  readonly folder: string;
  private readonly undo: (() => void)[] = [];
  private readonly onExit = (): void => this[Symbol.dispose]();

  constructor() {
    detachLeftovers();
    this.folder = mkdtempSync(join('/dev/shm', PREFIX));
    chmodSync(this.folder, 0o755);
    this.undo.push(() => rmSync(this.folder, { recursive: true, force: true }));
    process.once('exit', this.onExit);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: Buffer | string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  /** A loop device over a sparse file. */
  drive(name: string, sizeBytes: number): LoopDrive {
    const backing = this.write(name, '');
    truncateSync(backing, sizeBytes);
    return this.attach(backing);
  }

  /** A drive that fails from some place on: its file lies on a file system without room for all of it. */
  fullDrive(name: string, sizeBytes: number, roomBytes: number): LoopDrive {
    const mountPoint = this.path(`${name}-room`);
    run('mkdir', mountPoint);
    run('mount', '-t', 'tmpfs', '-o', `size=${roomBytes}`, 'tmpfs', mountPoint);
    this.undo.push(() => tryRun('umount', mountPoint));
    const backing = join(mountPoint, 'disk');
    writeFileSync(backing, '');
    truncateSync(backing, sizeBytes);
    return this.attach(backing);
  }

  mount(drive: LoopDrive, name: string): string {
    const mountPoint = this.path(name);
    run('mkdir', '-p', mountPoint);
    run('mount', drive.path, mountPoint);
    this.undo.push(() => tryRun('umount', mountPoint));
    return mountPoint;
  }

  /** A folder for PATH with this one program in it. */
  program(name: string, script: string): string {
    const folder = mkdtempSync(join(this.folder, 'bin-'));
    writeFileSync(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return folder;
  }

  /** Another name for a drive, as a USB stick would have; for a stubbed lsblk to list. */
  alias(drive: LoopDrive): string {
    const path = this.path(`stick-${drive.path.slice('/dev/'.length)}`);
    if (existsSync(path)) return path;
    const [major = '', minor = ''] = run(
      'lsblk',
      '--nodeps',
      '--noheadings',
      '--output',
      'MAJ:MIN',
      drive.path,
    ).split(':');
    run('mknod', path, 'b', major, minor);
    return path;
  }

  [Symbol.dispose](): void {
    process.off('exit', this.onExit);
    for (let step = this.undo.pop(); step !== undefined; step = this.undo.pop()) step();
  }

  private attach(backing: string): LoopDrive {
    const path = run('losetup', '--show', '--find', backing);
    // Whoever had this device before may have made it read-only: that outlives the file behind it.
    run('blockdev', '--setrw', path);
    this.undo.push(() => tryRun('losetup', '--detach', path));
    return new LoopDrive(path, backing);
  }
}

function tryRun(command: string, ...args: readonly string[]): void {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
  } catch {
    // It is gone already.
  }
}

/** Devices of a run that was killed: their files lie in a folder of ours that no living process has made. */
function detachLeftovers(): void {
  const attached = run('losetup', '--list', '--noheadings', '--output', 'NAME,BACK-FILE');
  for (const line of attached.split('\n')) {
    const [device, file = ''] = line.split(/\s+/);
    if (device !== undefined && file.includes(PREFIX) && line.includes('(deleted)'))
      tryRun('losetup', '--detach', device);
  }
}

export class LoopDrive {
  constructor(
    readonly path: string,
    readonly backing: string,
  ) {}

  fill(byte: number): void {
    const size = Number(run('blockdev', '--getsize64', this.path));
    writeFileSync(this.backing, Buffer.alloc(size, byte));
  }

  /** As the medium holds it now, past all caches. */
  read(offset: number, length: number): Buffer {
    run('blockdev', '--flushbufs', this.path);
    const fd = openSync(this.path, 'r');
    try {
      const bytes = Buffer.alloc(length);
      readSync(fd, bytes, 0, length, offset);
      return bytes;
    } finally {
      closeSync(fd);
    }
  }

  /** As a reader without its card: the device stays, and has no size any more. */
  pullOut(): void {
    truncateSync(this.backing, 0);
    run('losetup', '--set-capacity', this.path);
  }

  putIn(sizeBytes: number): void {
    truncateSync(this.backing, sizeBytes);
    run('losetup', '--set-capacity', this.path);
  }

  /** What it held is gone, and it goes on as if nothing had happened. */
  loseAll(): void {
    const { size } = statSync(this.backing);
    truncateSync(this.backing, 0);
    truncateSync(this.backing, size);
  }
}

export interface FlashResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface FlashOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
}

/** `rdt flash ...` as a user runs it, without a terminal. */
export class RunningFlash {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  private readonly closed: Promise<unknown[]>;

  constructor(args: readonly string[], options: FlashOptions = {}) {
    const env = { ...process.env, HOME: tmpdir(), RDT_TEST_ARGUMENTS: args.join(' '), ...options.env };
    const identity = options.uid === undefined ? {} : { uid: options.uid, gid: options.uid };
    this.child = spawn(process.execPath, [BIN, 'flash', ...args], {
      env,
      ...identity,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdout?.on('data', (chunk: Buffer) => (this.stdout += chunk.toString()));
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    // It may end before it has read all that it was given.
    this.child.stdin?.on('error', () => undefined);
    this.closed = once(this.child, 'close');
  }

  async ended(): Promise<FlashResult> {
    const [code] = await this.closed;
    return { exitCode: typeof code === 'number' ? code : -1, stdout: this.stdout, stderr: this.stderr };
  }

  /** Resolves once `pattern` was printed. */
  async until(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.stdout + this.stderr)) {
      const { stdout, stderr } = this.child;
      if (stdout === null || stderr === null || this.child.exitCode !== null)
        throw new Error(this.stdout + this.stderr);
      await Promise.race([once(stdout, 'data'), once(stderr, 'data'), this.closed]);
    }
  }

  feed(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.child.stdin?.write(bytes, () => resolve()));
  }
}

export async function rdtFlash(args: readonly string[], options: FlashOptions = {}): Promise<FlashResult> {
  const running = new RunningFlash(args, options);
  running.child.stdin?.end();
  return running.ended();
}

/** What to do when something appears on the terminal; each step once, in this order. */
export interface TerminalStep {
  readonly when: RegExp;
  readonly type?: string;
  readonly then?: () => void;
}

/** The same on a terminal, by util-linux's `script`. Both outputs come as one. */
export async function rdtFlashOnTerminal(
  args: readonly string[],
  steps: readonly TerminalStep[],
  env: Readonly<Record<string, string>> = {},
): Promise<FlashResult> {
  const quoted = [process.execPath, BIN, 'flash', ...args]
    .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
    .join(' ');
  const child = spawn('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], {
    env: { ...process.env, HOME: tmpdir(), NO_COLOR: '1', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stdout = '';
  let seen = 0;
  const left = [...steps];
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
    for (let step = left[0]; step?.when.test(stdout.slice(seen)) === true; step = left[0]) {
      left.shift();
      seen = stdout.length;
      step.then?.();
      if (step.type !== undefined) child.stdin.write(step.type);
    }
  });
  const [code] = (await once(child, 'close')) as [number];
  return { exitCode: code, stdout, stderr: '' };
}

/** Processes that were started for a path: it is on their command line, or they have inherited it. */
export function processesWith(path: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .map((pid) => `${procFile(pid, 'cmdline')}|${procFile(pid, 'environ')}`)
    .filter((text) => text.includes(path));
}

function procFile(pid: string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
