import { spawn } from 'node:child_process';
import { TestbedError } from './testbed-error.js';

export interface ProgramResult {
  readonly stdout: string;
  readonly stderr: string;
  /** A program that a signal ended has 128 + its number, or 128 when the number is not known. */
  readonly exitCode: number;
}

export interface ProgramOptions {
  /** Written to the program's stdin, which is closed afterwards. Without it stdin is empty. */
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Kills the program; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Runs a program to its end, whatever its exit code.
 * @throws TestbedError when it cannot be started.
 */
export function runProgram(argv: readonly string[], options: ProgramOptions = {}): Promise<ProgramResult> {
  const [file = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const { env, cwd, signal } = options;
    const child = spawn(file, args, { stdio: 'pipe', env: env ?? process.env, cwd, signal });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without having read its input breaks the pipe: its exit code tells the story.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input);
    child.on('error', (error) => {
      reject(signal?.aborted === true ? asError(signal.reason) : cannotStart(file, error));
    });
    child.on('close', (code, endedBy) => {
      resolve({
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
        exitCode: code ?? 128 + (endedBy === 'SIGKILL' ? 9 : 0),
      });
    });
  });
}

/**
 * Runs a program that has to succeed.
 * @throws TestbedError with the command and what it wrote when its exit code is not 0.
 */
export async function mustRun(argv: readonly string[], options: ProgramOptions = {}): Promise<string> {
  const result = await runProgram(argv, options);
  if (result.exitCode !== 0) {
    const output = `${result.stderr}${result.stdout}`.trim();
    throw new TestbedError(`${argv.join(' ')} ended with ${result.exitCode}:\n${output}`);
  }
  return result.stdout;
}

function cannotStart(file: string, cause: Error): TestbedError {
  return new TestbedError(`${file} cannot be started: ${cause.message}`, { cause });
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
