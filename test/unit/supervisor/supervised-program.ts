import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createInterface, type Interface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { errorCode } from '../../../src/system-error.js';

/** One way to run one of the committed programs on this machine. */
export interface Machine {
  readonly name: string;
  readonly program: string;
  /** What comes before it: an emulator. */
  readonly runner: readonly string[];
  /** What arrives in the program as signal 60: qemu keeps two of the real-time signals for itself. */
  readonly restartSignal: number;
  /** Whether orphans come to a process that is not the first one but asks for them; qemu 7 does not let it ask. */
  readonly getsOrphans: boolean;
}

const BIN = fileURLToPath(new URL('../../../supervisor/bin/', import.meta.url));
const QEMU = '/usr/bin/qemu-';

const native = (architecture: string): Machine => ({
  name: architecture,
  program: `${BIN}rdt-init-${architecture}`,
  runner: [],
  restartSignal: 60,
  getsOrphans: true,
});

const emulated = (name: string, architecture: string, ...runner: string[]): Machine => ({
  name,
  program: `${BIN}rdt-init-${architecture}`,
  runner,
  restartSignal: 62,
  getsOrphans: false,
});

const isPc = process.platform === 'linux' && process.arch === 'x64';

const x86 = native('386');
/** False also on kernels and virtual machines that leave that out: there libuv gives the program to a shell. */
export const runs32Bit =
  isPc && spawnSync(x86.program, { encoding: 'utf8' }).stderr.startsWith('usage: init');

/** Those of the machines that this one can play: `amd64` and mostly `386` by itself, ARM where Debian's qemu-user-static is installed. */
export const MACHINES: readonly Machine[] = !isPc
  ? []
  : [
      native('amd64'),
      ...(runs32Bit ? [x86] : []),
      emulated('arm on an ARMv5', 'arm', `${QEMU}arm-static`, '-cpu', 'arm926'),
      emulated('arm on an ARMv7', 'arm', `${QEMU}arm-static`, '-cpu', 'cortex-a7'),
      emulated('arm64', 'arm64', `${QEMU}aarch64-static`),
    ].filter(({ runner: [emulator] }) => emulator === undefined || existsSync(emulator));

export interface ProgramOptions {
  readonly stopSignal?: number;
  readonly graceMs?: number;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Gives it a terminal: `script` of util-linux. Both outputs are one then. */
  readonly terminal?: boolean;
}

/** A program under the supervisor, as a child of the test. */
export class SupervisedProgram implements AsyncDisposable {
  readonly child: ChildProcess;
  stderr = '';
  private readonly lines: Interface;
  private readonly unread: string[] = [];
  private readonly ended: Promise<[number | null, NodeJS.Signals | null]>;
  private waiting: (() => void) | undefined;

  constructor(
    private readonly machine: Machine,
    argv: readonly string[],
    { stopSignal = 15, graceMs = 10_000, env, cwd, terminal = false }: ProgramOptions = {},
  ) {
    const command = [...machine.runner, machine.program, String(stopSignal), String(graceMs), '--', ...argv];
    // `script` takes the shell that SHELL names, and not each shell makes way for the last command of a line by itself.
    const [file = '', ...args] = terminal
      ? ['script', '-qec', `exec ${quoted(command)}`, '/dev/null']
      : command;
    this.child = spawn(file, args, { env: env ?? process.env, cwd, stdio: 'pipe' });
    this.ended = once(this.child, 'close') as typeof this.ended;
    this.child.stderr?.on('data', (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.lines = createInterface({ input: this.child.stdout ?? process.stdin });
    this.lines.on('line', (line) => {
      this.unread.push(line.replace(/\r$/, ''));
      this.waiting?.();
    });
    this.lines.once('close', () => this.waiting?.());
  }

  /** A shell script. */
  static sh(machine: Machine, script: string, options: ProgramOptions = {}): SupervisedProgram {
    return new SupervisedProgram(machine, ['sh', '-c', script], options);
  }

  /** Of the supervisor itself. */
  get pid(): number {
    const { pid = 0 } = this.child;
    const isScript = this.child.spawnfile === 'script';
    return isScript ? (childrenOf(pid)[0] ?? 0) : pid;
  }

  /** The next line that the app prints. */
  async line(): Promise<string> {
    while (this.unread.length === 0) {
      if (this.child.stdout?.readableEnded === true) throw new Error(`ended without a line: ${this.stderr}`);
      await new Promise<void>((resolve) => (this.waiting = resolve));
    }
    return this.unread.shift() ?? '';
  }

  /** The first line from here on that is this one. */
  async until(wanted: RegExp): Promise<string> {
    for (;;) {
      const line = await this.line();
      if (wanted.test(line)) return line;
    }
  }

  signal(number: number): void {
    process.kill(this.pid, number);
  }

  restart(): void {
    this.signal(this.machine.restartSignal);
  }

  /** As a shell would tell it. */
  async exitCode(): Promise<number> {
    const [code, signal] = await this.ended;
    return code ?? (signal === 'SIGKILL' ? 137 : 128);
  }

  /** What is left is killed. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) killTree(this.child.pid ?? 0);
    await this.ended;
    this.lines.close();
  }
}

/** Processes on this machine whose parent is `pid`, zombies too. */
export const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && statusOf(Number(name))?.parent === pid)
    .map(Number);

/** Undefined when it is gone. */
export function statusOf(pid: number): { state: string; parent: number } | undefined {
  try {
    const [, state = '', parent = ''] = /\) (\w) (\d+)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return { state, parent: Number(parent) };
  } catch {
    return undefined;
  }
}

/** Stops everyone from the root on before it kills from the leaves on: nothing is forked, or started again, meanwhile. */
function killTree(pid: number): void {
  send(pid, 'SIGSTOP');
  while (/[^TZX]/.test(statusOf(pid)?.state ?? 'X')) continue;
  for (const child of childrenOf(pid)) killTree(child);
  send(pid, 'SIGKILL');
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error;
  }
}

const quoted = (command: readonly string[]): string =>
  command.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
