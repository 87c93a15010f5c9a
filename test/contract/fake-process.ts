import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { ExecSession } from '../../src/transport/engine.js';
import type { FakeFileTree } from './fake-file-tree.js';

/** What a scripted program sees. */
export interface FakeProcess {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly workingDir: string;
  readonly user: string;
  readonly files: FakeFileTree;
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
  /** Aborted when it is killed, with the number of the signal as reason. */
  readonly killed: AbortSignal;
}

/** Plays all programs of a fake device: gives the exit code; undefined for a program that is not there. */
export type FakeProgram = (process: FakeProcess) => Promise<number> | number | undefined;

export const runUntilKilled = (killed: AbortSignal): Promise<number> =>
  new Promise((resolve) => {
    if (killed.aborted) resolve(128 + Number(killed.reason));
    killed.addEventListener('abort', () => resolve(128 + Number(killed.reason)), { once: true });
  });

/** With a terminal all output is on stdout. */
type ProcessContext = Pick<FakeProcess, 'argv' | 'env' | 'workingDir' | 'user' | 'files'> & {
  readonly terminal: boolean;
};

/** One running program with its streams. */
export class RunningProcess {
  readonly stdin = new PassThrough();
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly exitCode: Promise<number>;
  private readonly killer = new AbortController();

  constructor(program: FakeProgram, context: ProcessContext) {
    this.exitCode = this.run(program, context);
  }

  kill(signalNumber: number): void {
    this.killer.abort(signalNumber);
  }

  /** As an exec shows it to its caller. */
  session(signal: AbortSignal | undefined): ExecSession {
    const exitCode = this.exitCode.then((code) => {
      signal?.throwIfAborted();
      return code;
    });
    exitCode.catch(() => undefined);
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream.on('error', () => undefined);
    signal?.addEventListener('abort', () => this.cut(signal.reason as Error), { once: true });
    const { stdin, stdout, stderr } = this;
    return { stdin, stdout, stderr, exitCode, resize: () => Promise.resolve() };
  }

  private async run(program: FakeProgram, { terminal, ...context }: ProcessContext): Promise<number> {
    const { stdin, stdout, stderr } = this;
    const output = { stdout, stderr: terminal ? stdout : stderr };
    const exitCode = await program({ ...context, ...output, stdin, killed: this.killer.signal });
    if (exitCode === undefined) stderr.write(`exec: "${context.argv[0] ?? ''}": executable file not found\n`);
    stdin.resume();
    stdout.end();
    stderr.end();
    return exitCode ?? 127;
  }

  private cut(reason: Error): void {
    this.stdout.destroy(reason);
    this.stderr.destroy(reason);
    this.stdin.destroy(reason);
    this.kill(9);
  }
}
