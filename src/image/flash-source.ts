import type { BlockReader } from './block-device.js';
import type { BlockMap } from './block-map.js';

/** The first MiB is written last, so that an interrupted card does not half-boot; sources keep it at hand. */
export const HEAD_BYTES = 1024 * 1024;

export type ImageFormat = 'raw' | 'gzip' | 'zip' | 'xz' | 'bzip2' | 'zstd';

/**
 * An opened image, unpacked on the way. It is known to be a disk image before it is handed out, so that nothing else reaches a drive.
 * Reading goes forward only.
 */
export interface ImageSource {
  /** As the user named it. */
  readonly name: string;
  /** The packings around the image, outermost first; `['raw']` when there is none. */
  readonly formats: readonly ImageFormat[];
  /** Undefined when only the end of the stream will tell. */
  readonly sizeBytes: number | undefined;
  /** Where the last partition ends: the image is damaged when it is smaller, and needs a drive of at least this size. */
  readonly leastSizeBytes: number;
  /** Undefined when the size is unknown and no bmap is there: everything up to the end. */
  readonly map: BlockMap | undefined;
  /** The first `HEAD_BYTES` of the image, or all of a smaller one. */
  readonly head: Buffer;
  /** The image at random; undefined for what can only be read from its beginning to its end. */
  readonly reader: BlockReader | undefined;
  /** What the user should know of how it is read, in full sentences. */
  readonly notes: readonly string[];
  /** How much of the packed image has been read, for progress; `sizeBytes` is undefined for a stream of unknown length. */
  readonly packed: { readonly sizeBytes: number | undefined; readBytes(): number };
  /**
   * Fills `target` from `offset` on, which never goes back and is not inside the head. Resolves with the bytes read:
   * fewer than asked only at the end of the image. Throws an `RdtError` when the image is damaged or cannot be read.
   */
  readAt(offset: number, target: Buffer): Promise<number>;
  /** Reads what is left and checks what only the end can prove: lengths, CRCs, checksums. Throws an `RdtError` when one is wrong. */
  finish(): Promise<void>;
  /** Ends child processes and connections. Safe to call twice. */
  close(): Promise<void>;
}

export interface OpenImageRequest {
  /** A path, an `http(s)://` URL, or `-` for standard input. */
  readonly image: string;
  /** Path of a bmap file; else `<image>.bmap` beside the image is used when it is there. */
  readonly bmap: string | undefined;
  /** Lower-case hex; else `<image>.sha256` beside the image is used when it is there. */
  readonly sha256: string | undefined;
}

/** Opens and judges an image. Throws an `RdtError` for everything that is no whole disk image. */
export type OpenImage = (request: OpenImageRequest, signal: AbortSignal) => Promise<ImageSource>;
