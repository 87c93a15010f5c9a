import { open, type FileHandle } from 'node:fs/promises';
import { RdtError } from '../../errors.js';
import type { PackedInput } from './packed-input.js';

/** Four reads fill one buffer of the pump; larger ones only cost memory. */
const CHUNK_BYTES = 1024 * 1024;

/** Throws an `RdtError` when the file cannot be read. Anything but a regular file (a device, a fifo) is read as a stream. */
export async function openFileInput(path: string): Promise<PackedInput> {
  const handle = await openForReading(path);
  try {
    const stat = await handle.stat();
    if (stat.isDirectory()) throw new RdtError(`${path} is a directory, not an image`);
    const file = stat.isFile() ? { handle, path, sizeBytes: stat.size } : undefined;
    return {
      name: path,
      sizeBytes: file?.sizeBytes,
      file,
      chunks: () => readChunks(handle, path, 0, file?.sizeBytes ?? Infinity, file !== undefined),
      close: () => handle.close(),
    };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function openForReading(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r');
  } catch (error) {
    throw readError(path, error);
  }
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
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reasons: Record<string, string> = {
    ENOENT: 'there is no such file',
    EACCES: 'it may not be read by this user',
    EIO: 'its medium fails',
  };
  return new RdtError(`cannot read ${path}: ${reasons[code] ?? code}`, { cause });
}
