import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/rdt.js', import.meta.url));

export interface ConfigureResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

export interface ConfigureOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Piped into it. */
  readonly input?: string;
}

/** A folder with images in it, and `rdt configure` as a user runs it there. */
export class ConfigureRig implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'rdt-configure-e2e-'));
  readonly #undo: (() => void)[] = [];

  [Symbol.dispose](): void {
    for (const step of this.#undo.reverse()) step();
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  write(name: string, content: Buffer | string): string {
    writeFileSync(this.path(name), content);
    return this.path(name);
  }

  read(name: string): Buffer {
    return readFileSync(this.path(name));
  }

  /** A file of the boot partition that begins `offsetMib` into an image, as mtools reads it. */
  boot(image: string, offsetMib: number, path: string): string {
    return execFileSync('mtype', ['-i', `${this.path(image)}@@${offsetMib}M`, `::${path}`], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C.UTF-8' },
    });
  }

  /** A drive over a file of this folder. */
  attach(name: string): string {
    const device = execFileSync('losetup', ['--show', '--find', this.path(name)], {
      encoding: 'utf8',
    }).trim();
    this.#undo.push(() => void execFileSync('losetup', ['--detach', device]));
    return device;
  }

  mount(device: string, name: string): string {
    const folder = this.path(name);
    execFileSync('mkdir', ['-p', folder]);
    execFileSync('mount', [device, folder]);
    this.#undo.push(() => void execFileSync('umount', [folder]));
    return folder;
  }

  async configure(args: readonly string[], options: ConfigureOptions = {}): Promise<ConfigureResult> {
    const startMs = performance.now();
    const child = spawn(process.execPath, [BIN, 'configure', ...args], {
      cwd: this.folder,
      env: { ...process.env, HOME: this.folder, ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.on('error', () => undefined); // It may end before it has read all that it was given.
    child.stdin.end(options.input ?? '');
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    return { exitCode: code ?? -1, stdout, stderr, seconds: (performance.now() - startMs) / 1000 };
  }

  processorSeconds(args: readonly string[]): number {
    return this.#processorSecondsOf([BIN, 'configure', ...args]);
  }

  /** Of a program of Node that does nothing: what this processor is worth just now. */
  processorSecondsOfNode(): number {
    return this.#processorSecondsOf(['-e', '0']);
  }

  /** User and system time of the whole command, as the shell counts it: other tests may run beside it. */
  #processorSecondsOf(nodeArgs: readonly string[]): number {
    const script = '"$@" >/dev/null || exit 1; times';
    const command = ['-c', script, 'sh', process.execPath, ...nodeArgs];
    const report = execFileSync('sh', command, { cwd: this.folder, encoding: 'utf8' });
    const [, children = ''] = report.trim().split('\n');
    const parts = [...children.matchAll(/(\d+)m([\d.]+)s/g)];
    return parts.reduce((sum, [, minutes, seconds]) => sum + Number(minutes) * 60 + Number(seconds), 0);
  }

  /** The same on a terminal (util-linux's `script`); each answer is typed when its question has appeared. */
  async configureOnTerminal(
    args: readonly string[],
    answers: readonly (readonly [question: RegExp, answer: string])[],
  ): Promise<ConfigureResult> {
    const startMs = performance.now();
    const line = [process.execPath, BIN, 'configure', ...args]
      .map((word) => `'${word.replaceAll("'", "'\\''")}'`)
      .join(' ');
    const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: this.folder,
      env: { ...process.env, HOME: this.folder, NO_COLOR: '1', TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const pending = [...answers];
    let stdout = '';
    let unseen = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      unseen += chunk.toString();
      const [question, answer] = pending[0] ?? [];
      if (question === undefined || answer === undefined || !question.test(unseen)) return;
      pending.shift();
      unseen = '';
      child.stdin.write(`${answer}\r`);
    });
    const [code] = (await once(child, 'close')) as [number | null];
    return { exitCode: code ?? -1, stdout, stderr: '', seconds: (performance.now() - startMs) / 1000 };
  }
}
