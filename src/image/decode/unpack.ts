import { RdtError } from '../../errors.js';
import type { ImageFormat } from '../flash-source.js';
import { ForwardStream } from './forward-stream.js';
import { sniffFormat, SNIFF_BYTES } from './image-format.js';
import type { Meter, PackedInput } from './packed-input.js';
import { openProgramDecoder, packedFileSize } from './program-formats.js';
import { findImageEntry, readMetaBmap, unzip } from './zip-entry.js';
import { readZipDirectory } from './zip-directory.js';
import { findStreamedImage } from './zip-stream.js';
import { gunzip } from './zlib-decoder.js';

/** An image in an archive in a transport encoding has three; whoever packs deeper does not want it flashed. */
const MAX_LAYERS = 4;

/** An image as a stream, freed of everything it was packed in. */
export interface UnpackedImage {
  readonly formats: readonly ImageFormat[];
  readonly stream: ForwardStream;
  /** Undefined when the packing does not tell. */
  readonly sizeBytes: number | undefined;
  /** The text of a bmap that came along. */
  readonly bmap: string | undefined;
  readonly notes: readonly string[];
  /** Bytes of the packed input that were read. */
  readBytes(): number;
  /** Reads what the decoders had no need for, so that `meter` has seen all of the input. */
  drainInput(): Promise<void>;
}

interface Layer {
  readonly chunks: AsyncIterable<Buffer>;
  readonly sizeBytes?: number | undefined;
  readonly bmap?: string | undefined;
  readonly note?: string | undefined;
  readonly readBytes?: () => number | undefined;
}

/** `meter` watches the packed input when `watchAll` asks for all of it; else it may be passed by, to a program. */
export async function unpack(
  input: PackedInput,
  meter: Meter,
  watchAll: boolean,
  signal: AbortSignal,
): Promise<UnpackedImage> {
  const unpacking = new Unpacking(input, meter, watchAll, signal);
  return unpacking.run();
}

class Unpacking {
  private readonly formats: ImageFormat[] = [];
  private readonly layers: Layer[] = [];
  private readonly outermost: ForwardStream;

  constructor(
    private readonly input: PackedInput,
    private readonly meter: Meter,
    private readonly watchAll: boolean,
    private readonly signal: AbortSignal,
  ) {
    this.outermost = new ForwardStream(meter.watch(input.chunks()));
  }

  async run(): Promise<UnpackedImage> {
    let stream = this.outermost;
    for (let format = await sniff(stream); format !== 'raw'; format = await sniff(stream)) {
      if (this.formats.length === MAX_LAYERS)
        throw new RdtError(`${this.input.name} is packed over and over`);
      this.formats.push(format);
      const layer = await this.open(format, stream);
      this.layers.push(layer);
      stream = new ForwardStream(layer.chunks);
    }
    const innermost = this.layers.at(-1);
    return {
      formats: this.formats.length === 0 ? ['raw'] : this.formats,
      stream,
      sizeBytes: innermost === undefined ? this.input.sizeBytes : innermost.sizeBytes,
      bmap: this.layers.find((layer) => layer.bmap !== undefined)?.bmap,
      notes: this.layers.flatMap(({ note }) => (note === undefined ? [] : [note])),
      readBytes: () => this.layers[0]?.readBytes?.() ?? this.meter.bytes,
      drainInput: () => this.drainInput(),
    };
  }

  /** The first layer of a local file can be read anywhere, and given to a program as it is. */
  private async open(format: Exclude<ImageFormat, 'raw'>, stream: ForwardStream): Promise<Layer> {
    const { name } = this.input;
    const file = this.formats.length === 1 ? this.input.file : undefined;
    if (format === 'gzip') return { chunks: gunzip(stream.rest(), name) };
    if (format === 'zip') return file === undefined ? this.streamedZip(stream) : this.zipFile(file);
    const programInput = { fd: this.watchAll ? undefined : file?.handle.fd, chunks: stream.rest() };
    const sizeBytes = file === undefined ? undefined : await packedFileSize(format, file.path, this.signal);
    return { ...(await openProgramDecoder(format, programInput, name, this.signal)), sizeBytes };
  }

  private async streamedZip(stream: ForwardStream): Promise<Layer> {
    const image = await findStreamedImage(stream, this.input.name);
    return { chunks: image.content(), sizeBytes: image.sizeBytes };
  }

  private async zipFile(file: NonNullable<PackedInput['file']>): Promise<Layer> {
    const entries = await readZipDirectory(file);
    const entry = findImageEntry(entries, this.input.name);
    let readBytes = 0;
    const chunks = unzip(file, entry, (chunk) => (readBytes += chunk.length));
    const bmap = await readMetaBmap(entries, file);
    return { chunks, sizeBytes: entry.sizeBytes, bmap, readBytes: () => readBytes };
  }

  private async drainInput(): Promise<void> {
    await this.outermost.drain();
  }
}

const sniff = async (stream: ForwardStream): Promise<ImageFormat> =>
  sniffFormat(await stream.peek(SNIFF_BYTES));
