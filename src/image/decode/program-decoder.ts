import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { pipeline, Readable, type Writable } from 'node:stream';
import { RdtError } from '../../errors.js';
import { errorCode } from '../../system-error.js';

/** A program that unpacks its standard input to its standard output. */
export interface DecoderProgram {
  readonly command: string;
  readonly args: readonly string[];
  /** It ends well, and only complains, when something else follows the packed data. */
  readonly onlyWarns?: true;
}

/** What a program reads. */
export interface ProgramInput {
  /** An open file, to be read from its beginning by the program itself; undefined when it has to be fed. */
  readonly fd: number | undefined;
  readonly chunks: AsyncIterable<Buffer>;
}

/** A running decoder. Its process is gone when `output` has ended, failed or been closed. */
export interface RunningProgram {
  output(): AsyncGenerator<Buffer>;
  /** How much of a `file` input it has read; undefined where the system does not tell. */
  readBytes(): number | undefined;
}

const KEPT_COMPLAINT_BYTES = 2000;

/** Resolves with undefined when the program is not installed. `name` is the image, for messages. */
export async function startProgram(
  program: DecoderProgram,
  input: ProgramInput,
  name: string,
  signal: AbortSignal,
): Promise<RunningProgram | undefined> {
  const stdin = input.fd ?? 'pipe';
  // Decoders translate their complaints; ours are shown with them in one line.
  const child = spawn(program.command, program.args, {
    stdio: [stdin, 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  });
  try {
    await once(child, 'spawn');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new RdtError(`cannot start ${program.command} to unpack ${name}`, { cause: error });
  }
  return {
    output: () => readOutput(child, program, input, name, signal),
    readBytes: () => (input.fd === undefined ? undefined : sharedFilePosition(input.fd)),
  };
}

async function* readOutput(
  child: ChildProcess,
  program: DecoderProgram,
  input: ProgramInput,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const { stdout } = child;
  if (stdout === null) throw new Error(`${program.command} was started without a standard output`);
  const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
  const kill = (): void => void child.kill('SIGKILL');
  const complaint = collectComplaint(child);
  const inputFailure = child.stdin === null ? undefined : feed(input.chunks, child.stdin, kill);
  signal.addEventListener('abort', kill, { once: true });
  try {
    signal.throwIfAborted();
    for await (const chunk of stdout) yield chunk as Buffer;
    await exited;
    signal.throwIfAborted();
    const failure = await inputFailure;
    if (failure !== undefined) throw failure;
    const warned = program.onlyWarns === true && complaint() !== '';
    if (child.exitCode !== 0 || warned) throw damaged(program, name, complaint());
  } finally {
    signal.removeEventListener('abort', kill);
    kill();
    await exited;
  }
}

/** Resolves with the input's failure. A program that ends before it has read everything judges that by its own exit code. */
function feed(chunks: AsyncIterable<Buffer>, stdin: Writable, kill: () => void): Promise<Error | undefined> {
  let failure: Error | undefined;
  async function* guarded(): AsyncGenerator<Buffer> {
    try {
      yield* chunks;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
      kill();
      throw failure;
    }
  }
  const input = Readable.from(guarded(), { objectMode: false, highWaterMark: 1024 * 1024 });
  return new Promise((resolve) => pipeline(input, stdin, () => resolve(failure)));
}

function collectComplaint(child: ChildProcess): () => string {
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    if (text.length < KEPT_COMPLAINT_BYTES) text += chunk.toString('utf8');
  });
  return () => text.trim().split('\n').at(-1) ?? '';
}

function damaged(program: DecoderProgram, name: string, complaint: string): RdtError {
  return new RdtError(
    `${name} is damaged: ${complaint === '' ? `${program.command} could not unpack it` : complaint}`,
  );
}

/** The child shares our open file, and with it the place it reads from (Linux only). */
function sharedFilePosition(fd: number): number | undefined {
  try {
    const position = /^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
    return position === undefined ? undefined : Number(position);
  } catch {
    return undefined;
  }
}
