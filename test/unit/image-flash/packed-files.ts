import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { ImageOpener } from '../../../src/image/decode/open-image.js';
import { missingPrograms, type TestProgram } from '../image/medium/programs.js';
import type { ImageSource, OpenImageRequest } from '../../../src/image/flash-source.js';

/** A folder of packed images, made by the programs that people pack with. Where one is missing, its tests are skipped, and so is its work. */
export class PackedFiles implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'rdt-packed-'));

  write(name: string, content: Buffer | string): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  /** The output of a program that reads `content`. */
  pipe(name: string, content: Buffer, command: TestProgram, ...args: readonly string[]): string {
    if (missingPrograms([command]).length > 0) return this.write(name, '');
    return this.write(name, execFileSync(command, args, { input: content, maxBuffer: 1 << 30 }));
  }

  zip(name: string, files: Readonly<Record<string, Buffer | string>>, ...args: readonly string[]): string {
    const folder = join(this.folder, `in-${name}`);
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, file)), { recursive: true });
      writeFileSync(join(folder, file), content);
    }
    const path = join(this.folder, name);
    if (missingPrograms(['zip']).length > 0) return this.write(name, '');
    execFileSync('zip', ['-q', '-X', ...args, path, ...Object.keys(files)], { cwd: folder });
    return path;
  }

  /** As a program packs that cannot go back in its output: sizes and CRC follow the data. */
  streamedZip(name: string, file: string, content: Buffer): string {
    const path = this.write(file, content);
    if (missingPrograms(['zip']).length > 0) return path;
    const archive = execFileSync('sh', ['-c', 'zip -q -X -j - "$0" | cat', path], { maxBuffer: 1 << 30 });
    rmSync(path);
    return this.write(name, archive);
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface OpenOptions extends Partial<OpenImageRequest> {
  readonly stdin?: Readable;
  readonly signal?: AbortSignal;
}

export function openImage(image: string, options: OpenOptions = {}): Promise<ImageSource> {
  const opener = new ImageOpener({
    stdin: options.stdin ?? new PassThrough(),
    cwd: '/',
    download: {
      stallMs: 1000,
      retryDelaysMs: [],
      sleep: () => Promise.reject(new Error('no waiting here')),
      proxyFor: () => undefined,
    },
  });
  const { bmap, sha256, signal = new AbortController().signal } = options;
  return opener.open({ image, bmap, sha256 }, signal);
}

/** All that a source hands out, read in pieces as the pump does; what is not mapped is zeros. Proves the end, and closes. */
export async function readWhole(source: ImageSource, sizeBytes: number): Promise<Buffer> {
  try {
    const content = Buffer.alloc(sizeBytes);
    source.head.copy(content);
    const ranges = source.map?.ranges ?? [{ offset: 0, sizeBytes }];
    for (const { offset, sizeBytes: length } of ranges) {
      const start = Math.max(offset, source.head.length);
      if (offset + length > start) await source.readAt(start, content.subarray(start, offset + length));
    }
    await source.finish();
    return content;
  } finally {
    await source.close();
  }
}

export const gzipMembers = (...parts: readonly Buffer[]): Buffer =>
  Buffer.concat(parts.map((part) => gzipSync(part)));

export const streamOf = (content: Buffer): Readable => Readable.from(pieces(content), { objectMode: false });

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += 65_519) yield content.subarray(at, at + 65_519);
}
