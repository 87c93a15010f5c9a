import type { ImageFormat } from '../flash-source.js';

/** As many bytes as `sniffFormat` wants to see. */
export const SNIFF_BYTES = 512;

interface Magic {
  readonly format: ImageFormat;
  /** In hexadecimal. */
  readonly start: string;
}

const MAGICS: readonly Magic[] = [
  { format: 'gzip', start: '1f8b08' },
  { format: 'zip', start: '504b0304' },
  { format: 'zip', start: '504b0506' },
  { format: 'xz', start: 'fd377a585a00' },
  { format: 'zstd', start: '28b52ffd' },
];
/** `BZh`, the level, and the magic of a block or (in an empty file) of the end. */
const BZIP2 = /^425a683[1-9](314159265359|177245385090)/;
/** A skippable frame, which parallel compressors put first. */
const ZSTD_SKIPPABLE = /^5[0-9a-f]2a4d18/;

/** How a file is packed, by its first bytes; `raw` for everything that is not known. */
export function sniffFormat(start: Buffer): ImageFormat {
  const hex = start.toString('hex', 0, 16);
  if (BZIP2.test(hex)) return 'bzip2';
  if (ZSTD_SKIPPABLE.test(hex)) return 'zstd';
  return MAGICS.find((magic) => hex.startsWith(magic.start))?.format ?? 'raw';
}
