import { basename } from 'node:path';
import { RdtError } from '../../errors.js';
import type { BlockReader } from '../block-device.js';
import { sniffFormat, SNIFF_BYTES } from '../decode/image-format.js';

const UNPACK = {
  gzip: 'gunzip -k',
  zip: 'unzip',
  xz: 'xz -dk',
  bzip2: 'bunzip2 -k',
  zstd: 'zstd -d',
} as const;

/** Throws an `RdtError` for an image that is compressed: nothing can be set inside of one. */
export async function assertUnpacked(device: BlockReader, path: string): Promise<void> {
  const start = await device.read(0, Math.min(SNIFF_BYTES, device.sizeBytes));
  const format = sniffFormat(start);
  if (format === 'raw') return;
  const name = basename(path);
  throw new RdtError(`${name} is compressed (${format}), and only an unpacked image can be configured`, {
    hint: `Unpack it first:  ${UNPACK[format]} ${name}\nOr configure the card while writing it:  rdt flash ${name} with the same options`,
  });
}
