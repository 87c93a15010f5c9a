import { constants, open as openByCallback } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import { Socket } from 'node:net';
import { promisify } from 'node:util';
import { RdtError } from '../../errors.js';
import type { PackedInput } from './packed-input.js';
import { streamInput } from './stdin-input.js';
import { errorCode } from '../../system-error.js';

/** Four reads fill one buffer of the pump; larger ones only cost memory. */
const CHUNK_BYTES = 1024 * 1024;

/** A descriptor that a socket can own, which a `FileHandle` would close once more. */
const openDescriptor = promisify(openByCallback);

/** Throws an `RdtError` when the file cannot be read. Anything but a regular file is read as a stream. */
export async function openFileInput(path: string, signal: AbortSignal): Promise<PackedInput> {
  const info = await stat(path).catch((error: unknown) => Promise.reject(readError(path, error)));
  if (info.isDirectory()) throw new RdtError(`${path} is a directory, not an image`);
  if (info.isFIFO()) return openFifo(path, signal);
  const handle = await open(path, 'r').catch((error: unknown) => Promise.reject(readError(path, error)));
  const file = info.isFile() ? { handle, path, sizeBytes: info.size } : undefined;
  return {
    name: path,
    sizeBytes: file?.sizeBytes,
    file,
    chunks: () => readChunks(handle, path, 0, file?.sizeBytes ?? Infinity, file !== undefined),
    close: () => handle.close(),
  };
}

/**
 * As `<(command)` of a shell gives. Read as a file, a pipe could not be closed while it waits for its writer; and without O_NONBLOCK
 * already the opening would wait, where no signal ends it.
 */
async function openFifo(path: string, signal: AbortSignal): Promise<PackedInput> {
  const fd = await openDescriptor(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) =>
    Promise.reject(readError(path, error)),
  );
  return streamInput(path, new Socket({ fd, readable: true, writable: false }), signal);
}

/** The bytes `[start, end)` of an open file; up to its end when that comes first. */
export async function* readChunks(
  handle: FileHandle,
  path: string,
  start: number,
  end: number,
  seekable = true,
): AsyncGenerator<Buffer> {
  for (let offset = start; offset < end; ) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - offset));
    const count = await readOnce(handle, path, buffer, seekable ? offset : null);
    if (count === 0) return;
    offset += count;
    yield buffer.subarray(0, count);
  }
}

/** Fills `target` from `offset`. Resolves with the bytes read: fewer only at the end of the file. */
export async function readFully(
  handle: FileHandle,
  path: string,
  offset: number,
  target: Buffer,
): Promise<number> {
  let filled = 0;
  while (filled < target.length) {
    const count = await readOnce(handle, path, target.subarray(filled), offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

async function readOnce(
  handle: FileHandle,
  path: string,
  target: Buffer,
  offset: number | null,
): Promise<number> {
  try {
    return (await handle.read(target, 0, target.length, offset)).bytesRead;
  } catch (error) {
    throw readError(path, error);
  }
}

function readError(path: string, cause: unknown): RdtError {
  const code = errorCode(cause) ?? '';
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'it may not be read by this user',
    EIO: 'its medium fails',
  };
  return new RdtError(`cannot read ${path}: ${reasons[code] ?? code}`, { cause });
}
