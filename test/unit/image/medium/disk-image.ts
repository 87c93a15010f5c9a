import { execFileSync } from 'node:child_process';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MIB = 1 << 20;

export interface DiskPartition {
  readonly startMib: number;
  readonly sizeMib: number;
  /** As sfdisk takes it: `c`, `83`, `U`, a GUID, `E` for an extended one. */
  readonly type: string;
  readonly name?: string;
  /** Bytes at its beginning. */
  readonly content?: Buffer;
}

/** A disk as `sfdisk` partitions it. */
export function makeDisk(
  label: 'dos' | 'gpt',
  sizeMib: number,
  partitions: readonly DiskPartition[],
): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'rdt-disk-'));
  try {
    const path = join(folder, 'disk.img');
    writeFileSync(path, '');
    truncateSync(path, sizeMib * MIB);
    const lines = partitions.map(({ startMib, sizeMib: size, type, name }) => {
      const named = name === undefined ? '' : `, name="${name}"`;
      return `start=${startMib}MiB, size=${size}MiB, type=${type}${named}`;
    });
    const input = [`label: ${label}`, ...lines, ''].join('\n');
    execFileSync('sfdisk', ['--quiet', path], { input, stdio: 'pipe' });
    const file = openSync(path, 'r+');
    for (const { startMib, content } of partitions) {
      if (content !== undefined) writeSync(file, content, 0, content.length, startMib * MIB);
    }
    closeSync(file);
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** An ext4 file system with one file in it, as the root partitions of the images have them. */
export function makeExt4(sizeMib: number, label: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'rdt-ext-'));
  try {
    const root = join(folder, 'root');
    execFileSync('mkdir', [root]);
    writeFileSync(join(root, 'os-release'), 'NAME="resinOS"\n');
    const path = join(folder, 'ext4.img');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-L', label, '-d', root, path, `${sizeMib}M`], {
      stdio: 'pipe',
    });
    return readFileSync(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
