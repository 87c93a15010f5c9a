import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { RdtError } from '../../errors.js';
import type { BlockReader, ByteRange } from '../block-device.js';
import { wholeImage, withoutRanges, type BlockMap } from '../block-map.js';
import { parseBmap, type Bmap } from '../block-map-bmap.js';
import { unusedExtRanges } from '../block-map-ext.js';
import { rangesOfExtVolumes } from '../ext-needs.js';
import { judgeImage } from '../flash-check.js';
import { HEAD_BYTES, type ImageSource, type OpenImageRequest } from '../flash-source.js';
import { rangesOfFatVolumes } from './fat-needs.js';
import { openFileInput, readChunks, readFully } from './file-input.js';
import { ForwardStream } from './forward-stream.js';
import { bmapBeside, localFolder, readBmap, sha256Beside, type ImageFolder } from './image-checks.js';
import { sniffFormat, SNIFF_BYTES } from './image-format.js';
import { Meter, type PackedInput } from './packed-input.js';
import { RawFileSource } from './raw-file-source.js';
import { remoteFolder } from './remote-folder.js';
import { findDataRanges } from './sparse-holes.js';
import { openStdinInput } from './stdin-input.js';
import { StreamSource } from './stream-source.js';
import { unpack, type UnpackedImage } from './unpack.js';
import { openUrlInput, type DownloadPolicy } from './url-input.js';

export interface ImageOpenerDeps {
  readonly stdin: Readable & { isTTY?: boolean };
  readonly cwd: string;
  readonly download: DownloadPolicy;
}

/** Opens images from files, URLs and standard input, unpacks them and judges them; see `OpenImage`. */
export class ImageOpener {
  constructor(private readonly deps: ImageOpenerDeps) {}

  async open(request: OpenImageRequest, signal: AbortSignal): Promise<ImageSource> {
    const input = await this.openInput(request.image, signal);
    try {
      const opening = new Opening(input, await this.expectationsOf(input, request, signal), signal);
      return await opening.run();
    } catch (error) {
      await input.close();
      throw error;
    }
  }

  private async expectationsOf(
    input: PackedInput,
    { sha256, bmap }: OpenImageRequest,
    signal: AbortSignal,
  ): Promise<Expectations> {
    const folder = this.folderOf(input, signal);
    const [expectedSum, expectedMap] = await Promise.all([
      sha256 ?? (folder && sha256Beside(folder)),
      bmap === undefined ? folder && bmapBeside(folder) : readBmap(resolve(this.deps.cwd, bmap)),
    ]);
    return { sha256: expectedSum, bmap: expectedMap };
  }

  /** A pipe lies nowhere. */
  private folderOf({ file, name }: PackedInput, signal: AbortSignal): ImageFolder | undefined {
    if (file !== undefined) return localFolder(file.path);
    return isAddress(name) ? remoteFolder(name, this.deps.download, signal) : undefined;
  }

  private openInput(image: string, signal: AbortSignal): Promise<PackedInput> {
    if (image === '-') return Promise.resolve(openStdinInput(this.deps.stdin, signal));
    if (isAddress(image)) return openUrlInput(image, this.deps.download, signal);
    return openFileInput(resolve(this.deps.cwd, image), signal);
  }
}

interface Expectations {
  readonly sha256: string | undefined;
  readonly bmap: Bmap | undefined;
}

class Opening {
  private readonly meter: Meter;

  constructor(
    private readonly input: PackedInput,
    private readonly expected: Expectations,
    private readonly signal: AbortSignal,
  ) {
    this.meter = new Meter(expected.sha256 !== undefined);
  }

  async run(): Promise<ImageSource> {
    const { file } = this.input;
    if (file === undefined) return this.openStream();
    const start = Buffer.alloc(SNIFF_BYTES);
    const count = await readFully(file.handle, file.path, 0, start);
    return sniffFormat(start.subarray(0, count)) === 'raw' ? this.openRawFile(file) : this.openStream();
  }

  private async openRawFile(file: NonNullable<PackedInput['file']>): Promise<ImageSource> {
    const { name } = this.input;
    const head = Buffer.alloc(Math.min(HEAD_BYTES, file.sizeBytes));
    await readFully(file.handle, file.path, 0, head);
    const reader: BlockReader = {
      sizeBytes: file.sizeBytes,
      async read(offset, length) {
        const bytes = Buffer.alloc(length);
        await readFully(file.handle, file.path, offset, bytes);
        return bytes;
      },
    };
    const leastSizeBytes = await this.judge(head, reader, file.sizeBytes);
    const map = this.bmapFor(this.expected.bmap, file.sizeBytes) ?? (await this.mapOf(file.path, reader));
    return new RawFileSource(file, name, head, map, leastSizeBytes, reader, this.meter, this.expected.sha256);
  }

  /** Holes say what whoever made the image left out; without any, its file systems say what they do not use. */
  private async mapOf(path: string, reader: BlockReader): Promise<BlockMap> {
    const { sizeBytes } = reader;
    const data = await this.dataOf(path, sizeBytes);
    if (data !== undefined) {
      // `xz -d`, `dd conv=sparse` and `cp --sparse` make a hole of every run of zeros, also of those that a file system says something by.
      const needed = [...data, ...(await rangesOfFatVolumes(reader)), ...(await rangesOfExtVolumes(reader))];
      return { origin: 'holes', ranges: withoutRanges(sizeBytes, withoutRanges(sizeBytes, needed)) };
    }
    const unused = await unusedExtRanges(reader);
    if (unused.length === 0) return wholeImage(sizeBytes);
    return { origin: 'file-systems', ranges: withoutRanges(sizeBytes, unused) };
  }

  /** A file with as many blocks as it has bytes has no holes to ask for. */
  private async dataOf(path: string, sizeBytes: number): Promise<ByteRange[] | undefined> {
    const { blocks } = await stat(path);
    return blocks * 512 < sizeBytes ? findDataRanges(path, sizeBytes, this.signal) : undefined;
  }

  private async openStream(): Promise<ImageSource> {
    const { input, signal } = this;
    const { sha256 } = this.expected;
    const unpacked = await unpack(input, this.meter, sha256 !== undefined, signal);
    const meter = await this.packedMeter(unpacked);
    const unpackedMeter = new Meter(sha256 !== undefined && unpacked.formats[0] !== 'raw');
    const stream = new ForwardStream(unpackedMeter.watch(unpacked.stream.rest()));
    try {
      const head = Buffer.from(await stream.peek(HEAD_BYTES));
      const sizeBytes = head.length < HEAD_BYTES ? head.length : unpacked.sizeBytes;
      const leastSizeBytes = await this.judge(head, readerOf(head), sizeBytes);
      const bmap = this.expected.bmap ?? metaBmap(unpacked.bmap, input.name);
      const map =
        this.bmapFor(bmap, sizeBytes) ?? (sizeBytes === undefined ? undefined : wholeImage(sizeBytes));
      await stream.readAt(0, Buffer.alloc(head.length));
      const known = sizeBytes ?? bmap?.imageSizeBytes;
      return new StreamSource({
        input,
        unpacked,
        stream,
        head,
        sizeBytes: known,
        leastSizeBytes,
        map,
        sha256,
        meter,
        unpackedMeter,
      });
    } catch (error) {
      await stream.close();
      throw error;
    }
  }

  /** A zip file is not read in order, so its checksum takes a pass of its own, before anything is written. */
  private async packedMeter(unpacked: UnpackedImage): Promise<Meter> {
    const { file } = this.input;
    if (file === undefined || unpacked.formats[0] !== 'zip' || this.expected.sha256 === undefined)
      return this.meter;
    const meter = new Meter(true);
    for await (const chunk of readChunks(file.handle, file.path, 0, file.sizeBytes)) meter.update(chunk);
    return meter;
  }

  /** Where the last partition ends. Throws an `RdtError` unless the bytes are a disk image. */
  private async judge(head: Buffer, reader: BlockReader, sizeBytes: number | undefined): Promise<number> {
    const { name } = this.input;
    const judgement = await judgeImage(head, reader, sizeBytes);
    switch (judgement.kind) {
      case 'image':
        return judgement.leastSizeBytes;
      case 'truncated':
        throw new RdtError(
          `${name} is truncated: its partition ${judgement.partition} ends at ${judgement.leastSizeBytes} bytes, the image at ${String(sizeBytes)}`,
          { hint: 'Download it again.' },
        );
      case 'not-an-image':
        throw new RdtError(`${name} is not a disk image that can be flashed: it is ${judgement.what}`);
    }
  }

  private bmapFor(bmap: Bmap | undefined, sizeBytes: number | undefined): BlockMap | undefined {
    if (bmap === undefined || sizeBytes === undefined || bmap.imageSizeBytes === sizeBytes) return bmap?.map;
    throw new RdtError(
      `the bmap is for an image of ${bmap.imageSizeBytes} bytes, ${this.input.name} has ${sizeBytes}`,
      { hint: 'Remove the bmap file, or get the one of this very image.' },
    );
  }
}

const isAddress = (image: string): boolean => /^https?:\/\//i.test(image);

const metaBmap = (text: string | undefined, archive: string): Bmap | undefined =>
  text === undefined ? undefined : parseBmap(text, `the bmap in ${archive}`);

const readerOf = (bytes: Buffer): BlockReader => ({
  sizeBytes: bytes.length,
  read: (offset, length) => Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length))),
});
