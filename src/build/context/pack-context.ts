import type { EmitBuildEvent } from '../build-event.js';
import type { ContextEntry, ContextFile } from './context-entry.js';
import { contentPath } from './list-context-files.js';
import { openForStreaming, readSnapshot, SNAPSHOT_LIMIT_BYTES } from './read-file-content.js';
import { paddingBytes, TAR_END } from '../../tar/tar-header.js';
import { contextHeader } from './context-header.js';

/** Pieces of this size keep the number of writes, and with gzip the loss between pieces, small. */
const PIECE_BYTES = 256 * 1024;

/**
 * The entries as a tar, in pieces of at most a few hundred KB whatever the size of the tree. Emits `context-sent` for
 * every piece that was taken. A file that has gone since it was listed is left out.
 * @throws RdtError for a file that may not be read, or that changes while it is read: the tar then has no end.
 */
export async function* packContext(
  source: string,
  entries: readonly ContextEntry[],
  emit: EmitBuildEvent,
): AsyncGenerator<Buffer> {
  const totalBytes = packedBytes(entries);
  let sentBytes = 0;
  emit({ type: 'context-sent', sentBytes, totalBytes });
  for await (const piece of inPieces(packedEntries(source, entries))) {
    yield piece;
    sentBytes += piece.length;
    emit({ type: 'context-sent', sentBytes, totalBytes });
  }
}

/** The size of the tar when nothing changes until it is packed. */
export function packedBytes(entries: readonly ContextEntry[]): number {
  let total = TAR_END.length;
  for (const entry of entries) {
    const sizeBytes = entry.type === 'file' ? entry.sizeBytes : 0;
    total += contextHeader(entry, sizeBytes).length + sizeBytes + paddingBytes(sizeBytes);
  }
  return total;
}

async function* packedEntries(source: string, entries: readonly ContextEntry[]): AsyncGenerator<Buffer> {
  for (const entry of entries) {
    if (entry.type !== 'file') yield contextHeader(entry, 0);
    else if (entry.sizeBytes <= SNAPSHOT_LIMIT_BYTES) yield* smallFile(source, entry);
    else yield* largeFile(source, entry);
  }
  yield TAR_END;
}

function* smallFile(source: string, file: ContextFile): Generator<Buffer> {
  const content = readSnapshot(contentPath(source, file), file.path);
  if (content === undefined) return;
  yield contextHeader(file, content.length);
  yield content;
  yield Buffer.alloc(paddingBytes(content.length));
}

async function* largeFile(source: string, file: ContextFile): AsyncGenerator<Buffer> {
  const opened = await openForStreaming(contentPath(source, file), file.path);
  if (opened === undefined) return;
  try {
    yield contextHeader(file, opened.sizeBytes);
    yield* opened.pieces();
    yield Buffer.alloc(paddingBytes(opened.sizeBytes));
  } finally {
    await opened[Symbol.asyncDispose]();
  }
}

/** Joins small buffers to pieces; a large one goes through as it is. */
async function* inPieces(buffers: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let waitingBytes = 0;
  for await (const buffer of buffers) {
    waiting.push(buffer);
    waitingBytes += buffer.length;
    if (waitingBytes < PIECE_BYTES) continue;
    yield Buffer.concat(waiting, waitingBytes);
    waiting = [];
    waitingBytes = 0;
  }
  if (waitingBytes > 0) yield Buffer.concat(waiting, waitingBytes);
}
