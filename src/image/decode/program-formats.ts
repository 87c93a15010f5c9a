import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { RdtError } from '../../errors.js';
import { builtInUnxz } from './xz-decoder.js';
import { builtInUnbzip2 } from './bzip2-decoder.js';
import { startProgram, type DecoderProgram, type ProgramInput } from './program-decoder.js';
import { builtInUnzstd } from './zlib-decoder.js';

const XZ_THREADS_BYTES = 64 * 1024 * 1024;

export type ProgramFormat = 'xz' | 'bzip2' | 'zstd';

type Decode = (packed: AsyncIterable<Buffer>, name: string) => AsyncIterable<Buffer>;

interface ProgramFormatFacts {
  readonly command: string;
  /** How to get it, for people. */
  readonly packages: string;
  readonly args: (signal: AbortSignal) => Promise<readonly string[]>;
  readonly onlyWarns?: true;
  /** A slower way without the program. */
  readonly builtIn: () => Decode | undefined;
}

const FACTS: Record<ProgramFormat, ProgramFormatFacts> = {
  xz: {
    command: 'xz',
    packages: 'xz-utils on Debian and Ubuntu, xz on Fedora, Arch and Homebrew',
    args: xzArguments,
    builtIn: () => builtInUnxz,
  },
  bzip2: {
    command: 'bzip2',
    packages: 'bzip2 on every system',
    onlyWarns: true,
    args: () => Promise.resolve(['--decompress', '--stdout']),
    builtIn: () => builtInUnbzip2,
  },
  zstd: {
    command: 'zstd',
    packages: 'zstd on every system',
    args: () => Promise.resolve(['--decompress', '--stdout', '--quiet']),
    builtIn: builtInUnzstd,
  },
};

const run = promisify(execFile);

/**
 * From 5.4 on xz unpacks in several threads, each with buffers of its own: bounded, so that the whole stays under 160 MB.
 * Older ones do not know the option. The limit is soft: a file that needs more is unpacked by one thread.
 */
async function xzArguments(signal: AbortSignal): Promise<readonly string[]> {
  const plain = ['--decompress', '--stdout'];
  const version = /liblzma (\d+)\.(\d+)/.exec(await outputOf('xz', ['--version'], signal));
  const threaded = Number(version?.[1]) > 5 || (Number(version?.[1]) === 5 && Number(version?.[2]) >= 4);
  return threaded ? [...plain, '--threads=0', `--memlimit-mt-decompress=${XZ_THREADS_BYTES}`] : plain;
}

/** What a packed file says of its unpacked size; undefined when it does not, or the program is missing. */
export async function packedFileSize(
  format: ProgramFormat,
  path: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const size = await askForSize(format, path, signal);
  return size === undefined ? undefined : Number(size);
}

async function askForSize(
  format: ProgramFormat,
  path: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  switch (format) {
    case 'xz':
      return /^totals(?:\t\d+){3}\t(\d+)\t/m.exec(
        await outputOf('xz', ['--robot', '--list', '--', path], signal),
      )?.[1];
    case 'zstd':
      return /^Decompressed Size:.*\((\d+) B\)$/m.exec(
        await outputOf('zstd', ['-lv', '--', path], signal),
      )?.[1];
    case 'bzip2':
      return undefined;
  }
}

/** Standard output, or '' when the program is missing or fails: the caller can do without. */
async function outputOf(command: string, args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    return (await run(command, args, { signal, env: { ...process.env, LC_ALL: 'C' } })).stdout;
  } catch {
    signal.throwIfAborted();
    return '';
  }
}

/** Unpacks by the format's program, or by ourselves where it is missing. Throws an `RdtError` when neither can. */
export async function openProgramDecoder(
  format: ProgramFormat,
  input: ProgramInput,
  name: string,
  signal: AbortSignal,
): Promise<{ chunks: AsyncIterable<Buffer>; note?: string; readBytes?: () => number | undefined }> {
  const { packages, builtIn, args, ...facts } = FACTS[format];
  const { command } = facts;
  const program: DecoderProgram = { ...facts, args: await args(signal) };
  const running = await startProgram(program, input, name, signal);
  if (running !== undefined) return { chunks: running.output(), readBytes: () => running.readBytes() };
  const decode = builtIn();
  if (decode === undefined) {
    throw new RdtError(`${name} is packed with ${format}, and the program ${command} is not installed`, {
      hint: `Install it: ${packages}. Or unpack the image somewhere else.`,
    });
  }
  return {
    chunks: decode(input.chunks, name),
    note: `The program ${command} is not installed (${packages}); unpacking without it is slower.`,
  };
}
