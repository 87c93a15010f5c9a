import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { isGone } from '../../system-error.js';
import { changedWhileRead, isLinkNow, unreadable } from './context-error.js';

/** Larger files are streamed. */
export const SNAPSHOT_LIMIT_BYTES = 256 * 1024;

const PIECE_BYTES = 256 * 1024;
const SNAPSHOT_ATTEMPTS = 3;

/** Never through a link, and never waiting for the writer of a pipe: the path may be something else by now. Windows has neither. */
const OPEN_FLAGS =
  constants.O_RDONLY |
  ((constants.O_NOFOLLOW as number | undefined) ?? 0) |
  ((constants.O_NONBLOCK as number | undefined) ?? 0);

/**
 * The whole of a small file, as it was at one moment; undefined when it has gone. Synchronous, which is five times as
 * fast for the thousands of small files that projects consist of (SYNC.md section 2).
 * @throws RdtError when it may not be read, or did not hold still during three attempts.
 */
export function readSnapshot(at: string | Buffer, path: string): Buffer | undefined {
  try {
    const file = openSync(at, OPEN_FLAGS);
    try {
      return stableContent(file, path);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw readError(error, path);
  }
}

function stableContent(file: number, path: string): Buffer {
  for (let attempt = 0; attempt < SNAPSHOT_ATTEMPTS; attempt++) {
    const before = fstatSync(file, { bigint: true });
    if (!before.isFile()) throw changedWhileRead(path);
    const content = readWhole(file, Number(before.size));
    if (sameContent(before, fstatSync(file, { bigint: true })) && content !== undefined) return content;
  }
  throw changedWhileRead(path);
}

/** Undefined when the file does not have this size. Reads from the start whatever was read before. */
function readWhole(file: number, sizeBytes: number): Buffer | undefined {
  const content = Buffer.allocUnsafe(sizeBytes);
  let filled = 0;
  while (filled < sizeBytes) {
    const read = readSync(file, content, filled, sizeBytes - filled, filled);
    if (read === 0) return undefined;
    filled += read;
  }
  return content;
}

export interface OpenedFile extends AsyncDisposable {
  readonly sizeBytes: number;
  /** Exactly `sizeBytes`, in pieces. Throws an RdtError when the file shrinks or changes before the last piece was taken. */
  pieces(): AsyncIterable<Buffer>;
}

/** A large file for streaming; undefined when it has gone. */
export async function openForStreaming(at: string | Buffer, path: string): Promise<OpenedFile | undefined> {
  try {
    const handle = await open(at, OPEN_FLAGS);
    try {
      return await streamed(handle, path);
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    if (isGone(error)) return undefined;
    throw readError(error, path);
  }
}

async function streamed(handle: FileHandle, path: string): Promise<OpenedFile> {
  const before = await handle.stat({ bigint: true });
  if (!before.isFile()) throw changedWhileRead(path);
  const sizeBytes = Number(before.size);
  return {
    sizeBytes,
    pieces: async function* () {
      for (let offset = 0; offset < sizeBytes; ) {
        const wanted = Math.min(PIECE_BYTES, sizeBytes - offset);
        const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(wanted), 0, wanted, offset);
        if (bytesRead === 0) throw changedWhileRead(path);
        offset += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      if (!sameContent(before, await handle.stat({ bigint: true }))) throw changedWhileRead(path);
    },
    [Symbol.asyncDispose]: () => handle.close(),
  };
}

const sameContent = (a: BigIntStats, b: BigIntStats): boolean => a.size === b.size && a.mtimeNs === b.mtimeNs;

function readError(error: unknown, path: string): unknown {
  if (isLinkNow(error)) return changedWhileRead(path);
  return error instanceof Error && 'code' in error ? unreadable(path, error) : error;
}
