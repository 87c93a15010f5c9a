import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `RDT_TEST_BIN` tests another copy of the command, such as an installed package. */
export const BIN = process.env['RDT_TEST_BIN'] ?? fileURLToPath(new URL('../../bin/rdt.js', import.meta.url));

export interface RdtResult {
  readonly stdout: string;
  readonly stderr: string;
  /** 128 + n when it was ended by a signal. */
  readonly exitCode: number;
  readonly durationMs: number;
}

export interface RdtOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The command as a user runs it, with a home and a state folder of its own, and no terminal. */
export class Rdt implements Disposable {
  readonly home = mkdtempSync(join(tmpdir(), 'rdt-home-'));

  async run(args: readonly string[], options: RdtOptions = {}): Promise<RdtResult> {
    return this.start(args, options).ended();
  }

  start(args: readonly string[], options: RdtOptions = {}): RunningRdt {
    const env = { ...process.env, HOME: this.home, XDG_STATE_HOME: '', SSH_AUTH_SOCK: '', ...options.env };
    const child = spawn(process.execPath, [BIN, ...args], {
      cwd: options.cwd ?? this.home,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new RunningRdt(child);
  }

  [Symbol.dispose](): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

export class RunningRdt {
  stdout = '';
  stderr = '';
  private readonly startMs = performance.now();
  private readonly closed: Promise<[number | null, NodeJS.Signals | null]>;
  private readonly watchers = new Set<() => void>();

  constructor(readonly child: ChildProcess) {
    this.closed = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
    child.stdout?.on('data', (chunk: Buffer) => this.heard('stdout', chunk));
    child.stderr?.on('data', (chunk: Buffer) => this.heard('stderr', chunk));
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves as soon as `pattern` was printed on either stream; rejects when the command ends without it. */
  async until(pattern: RegExp): Promise<void> {
    await Promise.race([
      new Promise<void>((resolve) => {
        const look = (): void => {
          if (!pattern.test(this.stdout) && !pattern.test(this.stderr)) return;
          this.watchers.delete(look);
          resolve();
        };
        this.watchers.add(look);
        look();
      }),
      this.closed.then(() => {
        if (pattern.test(this.stdout) || pattern.test(this.stderr)) return;
        throw new Error(`rdt ended without printing ${pattern.source}:\n${this.stdout}\n${this.stderr}`);
      }),
    ]);
  }

  async ended(): Promise<RdtResult> {
    const [code, signal] = await this.closed;
    const exitCode = code ?? 128 + (signal === 'SIGKILL' ? 9 : signal === 'SIGINT' ? 2 : 15);
    return {
      stdout: this.stdout,
      stderr: this.stderr,
      exitCode,
      durationMs: performance.now() - this.startMs,
    };
  }

  private heard(stream: 'stdout' | 'stderr', chunk: Buffer): void {
    this[stream] += chunk.toString();
    for (const look of [...this.watchers]) look();
  }
}
