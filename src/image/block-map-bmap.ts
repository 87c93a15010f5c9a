import { createHash } from 'node:crypto';
import { RdtError } from '../errors.js';
import type { BlockMap, MappedRange } from './block-map.js';

/** What a bmap file says: which image it belongs to, and which blocks of it matter. */
export interface Bmap {
  readonly imageSizeBytes: number;
  readonly map: BlockMap;
}

/** Versions 1.0 to 2.0 are known; a new major number means that old readers must not go on (bmap-tools, BmapCopy.py). */
const NEWEST_MAJOR = 2;
const CHECKSUM_TYPES: ReadonlySet<string> = new Set(['sha1', 'sha256', 'sha384', 'sha512']);

/** Reads a bmap file and checks its checksum of itself. Throws an `RdtError` when it is none or is damaged. */
export function parseBmap(text: string, name: string): Bmap {
  const fail = (what: string): never => {
    throw new RdtError(`${name} is not a usable bmap file: ${what}`);
  };
  const version =
    /<bmap\s+version\s*=\s*"(\d+)(?:\.\d+)*"\s*>/.exec(text)?.[1] ?? fail('it has no <bmap> element');
  if (Number(version) > NEWEST_MAJOR) fail(`its version is ${version}, the newest known is ${NEWEST_MAJOR}`);
  const number = (element: string): number => {
    const value = Number(elementText(text, element) ?? fail(`<${element}> is missing`));
    return Number.isSafeInteger(value) && value >= 0 ? value : fail(`<${element}> is not a number`);
  };
  const imageSizeBytes = number('ImageSize');
  const blockBytes = number('BlockSize') || fail('its block size is zero');
  const algorithm = (elementText(text, 'ChecksumType') ?? 'sha1').toLowerCase();
  if (!CHECKSUM_TYPES.has(algorithm)) fail(`checksums of type ${algorithm} are not known`);
  if (!ownChecksumMatches(text, algorithm)) fail('its checksum of itself does not match');
  const ranges = parseRanges(text, blockBytes, imageSizeBytes, fail);
  const blocks = ranges.reduce((sum, range) => sum + Math.ceil(range.sizeBytes / blockBytes), 0);
  if (blocks !== number('MappedBlocksCount')) fail('the number of mapped blocks does not match its list');
  return { imageSizeBytes, map: { origin: 'bmap', checksumAlgorithm: algorithm, ranges } };
}

const elementText = (text: string, element: string): string | undefined =>
  new RegExp(`<${element}>\\s*([^<\\s]*)\\s*</${element}>`).exec(text)?.[1];

/** The file's own checksum is made with zeros in its own place. Version 1.2 and older have none. */
function ownChecksumMatches(text: string, algorithm: string): boolean {
  const stated = elementText(text, 'BmapFileChecksum') ?? elementText(text, 'BmapFileSHA1');
  if (stated === undefined || stated === '') return true;
  const blanked = text.replace(stated, '0'.repeat(stated.length));
  return createHash(algorithm).update(blanked).digest('hex') === stated.toLowerCase();
}

function parseRanges(
  text: string,
  blockBytes: number,
  imageSizeBytes: number,
  fail: (what: string) => never,
): MappedRange[] {
  const ranges: MappedRange[] = [];
  let position = 0;
  for (const [, attributes = '', first = '', last = first] of text.matchAll(
    /<Range([^>]*)>\s*(\d+)(?:\s*-\s*(\d+))?\s*<\/Range>/g,
  )) {
    const offset = Number(first) * blockBytes;
    const end = Math.min((Number(last) + 1) * blockBytes, imageSizeBytes);
    if (offset < position || end <= offset)
      fail(`the range ${first}-${last} is out of order or outside of the image`);
    const checksum = /(?:chksum|sha1)\s*=\s*"([0-9a-fA-F]+)"/.exec(attributes)?.[1]?.toLowerCase();
    ranges.push({ offset, sizeBytes: end - offset, ...(checksum === undefined ? {} : { checksum }) });
    position = end;
  }
  return ranges;
}
