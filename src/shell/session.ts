import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ExecSession } from '../transport/engine.js';
import { EscapeFilter } from './escape-filter.js';
import type { LocalTerminal } from './local-terminal.js';

export interface LocalStreams {
  readonly stdin: Readable;
  readonly stdout: Writable;
  readonly stderr: Writable;
}

const HELP = [
  '',
  '~.  ends this session',
  '~?  this list',
  '~~  sends a ~',
  '(at the start of a line)',
  '',
].join('\r\n');

type OnOutput = (chunk: Buffer) => void;

/** Byte for byte in and out, until the process has ended. Answers its exit code; rejects as its streams do. */
export async function relay(
  process: ExecSession,
  streams: LocalStreams,
  onOutput: OnOutput,
): Promise<number> {
  const { stdin } = streams;
  stdin.pipe(process.stdin);
  try {
    return await showUntilExit(process, streams, onOutput);
  } finally {
    stdin.unpipe(process.stdin);
    stdin.pause();
  }
}

/** As `relay`, with the user's terminal as that of the process. `disconnect` is called for `~.`. */
export async function relayTerminal(
  process: ExecSession,
  streams: LocalStreams,
  terminal: LocalTerminal,
  on: { readonly output: OnOutput; readonly disconnect: () => void },
): Promise<number> {
  const { stdin, stdout } = streams;
  const keys = new EscapeFilter({
    disconnect: on.disconnect,
    help: () => void stdout.write(HELP),
  });
  const sizes = followSize(process, terminal);
  using raw = terminal.makeRaw();
  keys.pipe(process.stdin);
  stdin.pipe(keys);
  try {
    return await showUntilExit(process, streams, (chunk) => {
      raw.sawOutput(chunk);
      on.output(chunk);
    });
  } finally {
    sizes[Symbol.dispose]();
    stdin.unpipe(keys);
    stdin.pause();
  }
}

async function showUntilExit(
  process: ExecSession,
  { stdout, stderr }: LocalStreams,
  onOutput: OnOutput,
): Promise<number> {
  await Promise.all([copy(process.stdout, stdout, onOutput), copy(process.stderr, stderr, onOutput)]);
  return process.exitCode;
}

async function copy(from: Readable, to: Writable, onOutput: OnOutput): Promise<void> {
  from.on('data', onOutput);
  from.pipe(to, { end: false });
  await finished(from, { writable: false });
}

/** Also right after the first output: an engine drops a size that arrives before the process does. */
function followSize(process: ExecSession, terminal: LocalTerminal): Disposable {
  const tell = (): void => {
    const { columns, rows } = terminal.size();
    // It fails when the process has ended meanwhile, which its exit code tells, or with the connection, which the streams tell.
    process.resize(columns, rows).catch(() => undefined);
  };
  process.stdout.once('data', tell);
  return terminal.onResize(tell);
}
