import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { ByteRange } from '../block-device.js';
import { withoutRanges } from '../block-map.js';

const BLOCK = 512;
/** A map of a million extents is smaller; one that is not is of no use. */
const MAX_MAP_BYTES = 32 * 1024 * 1024;

/**
 * The data of a sparse file, by `lseek(SEEK_DATA)`: Node has no such call, GNU tar does it and writes what it found before any
 * data (format 1.0 of its sparse files), so it is asked for that and stopped. Takes 4 ms.
 * Undefined when tar is missing or another one, or the file has no holes.
 */
export async function findDataRanges(
  path: string,
  sizeBytes: number,
  signal: AbortSignal,
): Promise<ByteRange[] | undefined> {
  const map = await readSparseMap(path, signal);
  if (map === undefined || map.realSize !== sizeBytes) return undefined;
  const data = map.extents.filter((extent) => extent.sizeBytes > 0);
  const inOrder = withoutRanges(sizeBytes, withoutRanges(sizeBytes, data));
  return inOrder;
}

interface SparseMap {
  readonly realSize: number;
  readonly extents: readonly ByteRange[];
}

async function readSparseMap(path: string, signal: AbortSignal): Promise<SparseMap | undefined> {
  const format = ['--sparse', '--hole-detection=seek', '--format=posix', '--sparse-version=1.0'];
  const args = ['--create', '--file=-', '--force-local', '--absolute-names', ...format, '--', path];
  const child = spawn('tar', args, { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const closed = once(child, 'close').catch(() => undefined);
  try {
    await once(child, 'spawn');
    let start = Buffer.alloc(0);
    for await (const chunk of child.stdout) {
      start = Buffer.concat([start, chunk as Buffer]);
      const map = parseSparseMap(start);
      if (map !== 'more') return map;
      if (start.length > MAX_MAP_BYTES) return undefined;
    }
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  } finally {
    child.kill('SIGKILL');
    await closed;
  }
}

/** `more` while the archive's beginning is not all there; undefined when the file is not stored as a sparse one. */
function parseSparseMap(start: Buffer): SparseMap | undefined | 'more' {
  if (start.length < BLOCK) return 'more';
  if (start.toString('latin1', 156, 157) !== 'x') return undefined;
  const headerEnd = BLOCK + blocks(parseInt(start.toString('latin1', 124, 135), 8));
  const mapStart = headerEnd + BLOCK;
  if (start.length < mapStart) return 'more';
  const header = start.toString('utf8', BLOCK, headerEnd);
  const realSize = /GNU\.sparse\.realsize=(\d+)\n/.exec(header)?.[1];
  if (realSize === undefined || !header.includes('GNU.sparse.major=1\n')) return undefined;
  const extents = parseExtents(start.toString('latin1', mapStart));
  return extents === 'more' ? 'more' : { realSize: Number(realSize), extents };
}

/** Decimal lines: the number of extents, then offset and length of each. */
function parseExtents(text: string): ByteRange[] | 'more' {
  const countEnd = text.indexOf('\n');
  if (countEnd < 0) return 'more';
  const count = Number(text.slice(0, countEnd));
  const lines = text.slice(countEnd + 1).split('\n', count * 2 + 1);
  if (lines.length <= count * 2) return 'more';
  return Array.from({ length: count }, (_, index) => ({
    offset: Number(lines[index * 2]),
    sizeBytes: Number(lines[index * 2 + 1]),
  }));
}

const blocks = (bytes: number): number => Math.ceil(bytes / BLOCK) * BLOCK;
