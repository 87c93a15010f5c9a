import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import {
  ContextChanged,
  type ContextFiles,
  type ContextSource,
  type OfferedEntry,
  type OfferedFile,
} from './context-files.js';
import type { ContextEntry, ContextFile } from './context-entry.js';
import { contentPath } from './list-context-files.js';
import { openForStreaming, readSnapshot, SNAPSHOT_LIMIT_BYTES } from './read-file-content.js';

const NS_PER_SECOND = 1_000_000_000;

/** So that reading a large tree does not hold up the interrupt key or the connection. */
const BYTES_BETWEEN_BREATHS = 4 * 1024 * 1024;
const ENTRIES_BETWEEN_BREATHS = 500;

/** Undefined when the context can not be told file by file: something in it has a name that is not UTF-8. */
export function contextSource(
  source: string,
  entries: readonly ContextEntry[],
  { key, level }: Pick<ContextSource, 'key' | 'level'>,
): ContextSource | undefined {
  if (!entries.every(isUtf8)) return undefined;
  return { key, level, offer: (signal) => offerContext(source, entries, signal) };
}

/** A file that has gone since it was listed is left out. */
async function offerContext(
  source: string,
  entries: readonly ContextEntry[],
  signal: AbortSignal,
): Promise<ContextFiles> {
  const offered: OfferedEntry[] = [];
  let bytesRead = 0;
  for (const [index, entry] of entries.entries()) {
    const taken = entry.type === 'file' ? await offerFile(source, entry) : offerPlain(entry);
    if (taken !== undefined) offered.push(taken);
    bytesRead += taken?.type === 'file' ? taken.sizeBytes : 0;
    if (bytesRead < BYTES_BETWEEN_BREATHS && index % ENTRIES_BETWEEN_BREATHS !== 0) continue;
    bytesRead = 0;
    await setImmediate();
    signal.throwIfAborted();
  }
  return { entries: offered, read: (file) => readOffered(source, file) };
}

const isUtf8 = (entry: ContextEntry): boolean =>
  entry.rawPath === undefined &&
  (entry.type !== 'symlink' || Buffer.from(entry.target.toString()).equals(entry.target));

const offerPlain = (entry: Exclude<ContextEntry, ContextFile>): OfferedEntry => ({
  ...entry,
  mtimeNs: BigInt(entry.mtimeSeconds) * BigInt(NS_PER_SECOND),
});

async function offerFile(source: string, file: ContextFile): Promise<OfferedFile | undefined> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  for await (const piece of contentOf(source, file)) {
    if (piece === undefined) return undefined;
    hash.update(piece);
    sizeBytes += piece.length;
  }
  return { ...file, sizeBytes, mtimeNs: stampOf(file, hash.digest()) };
}

async function* readOffered(source: string, file: OfferedFile): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of contentOf(source, file)) {
    if (piece === undefined) throw new ContextChanged(file.path);
    hash.update(piece);
    yield piece;
  }
  if (stampOf(file, hash.digest()) !== file.mtimeNs) throw new ContextChanged(file.path);
}

/** Undefined in the place of pieces when the file has gone. */
async function* contentOf(source: string, file: ContextFile): AsyncGenerator<Buffer | undefined> {
  const at = contentPath(source, file);
  if (file.sizeBytes <= SNAPSHOT_LIMIT_BYTES) {
    yield readSnapshot(at, file.path);
    return;
  }
  await using opened = await openForStreaming(at, file.path);
  if (opened === undefined) yield undefined;
  else yield* opened.pieces();
}

const stampOf = ({ mtimeSeconds }: ContextFile, digest: Buffer): bigint =>
  BigInt(mtimeSeconds) * BigInt(NS_PER_SECOND) + BigInt(contentNanoseconds(digest));

/** Two contents of one size and second look alike once in 10^9. */
const contentNanoseconds = (sha256: Buffer): number => sha256.readUIntBE(0, 6) % NS_PER_SECOND;
