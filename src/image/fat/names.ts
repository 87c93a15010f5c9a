import { RdtError } from '../../errors.js';

const SHORT_SAFE = /^[A-Z0-9!#$%&'()@^_`{}~-]+$/;
const FORBIDDEN = /["*/:<>?\\|]|\p{Cc}/u;
/** Bits of byte 12 of a short record: Windows stores a name of only lower-case letters so. */
const LOWER_BASE = 0x08;
const LOWER_EXTENSION = 0x10;
const MAX_SUFFIX = 999_999;

/** `/a/b` as `['a', 'b']`; the root is `[]`. */
export const splitPath = (path: string): string[] => path.split('/').filter((part) => part !== '');

/** FAT finds names without regard to case, in all of Unicode. */
export const sameName = (a: string, b: string): boolean => foldCase(a) === foldCase(b);

/** Letters that grow by it (ß) have no upper case here. */
const foldCase = (name: string): string =>
  Array.from(name, (char) => (char.toUpperCase().length === char.length ? char.toUpperCase() : char)).join(
    '',
  );

/** Throws an `RdtError` for a name that a FAT volume cannot hold. */
export function assertValidName(name: string): void {
  const tooLong = name.length === 0 || name.length > 255;
  if (!tooLong && !FORBIDDEN.test(name) && !/[. ]$/.test(name)) return;
  throw new RdtError(`${JSON.stringify(name)} cannot be the name of a file on a boot partition`, {
    hint: 'FAT allows 1 to 255 characters, none of "*/:<>?\\| and no dot or space at the end.',
  });
}

/** The text of the 11 bytes of a short record. Bytes over 0x7f are in the volume's unknown code page; they are read as Latin-1. */
export function decodeShortName(bytes: Buffer, caseFlags: number): string {
  // A name that begins with the byte 0xe5, which would mark an erased record, is stored with 0x05.
  const text = (bytes[0] === 0x05 ? '\xe5' : bytes.toString('latin1', 0, 1)) + bytes.toString('latin1', 1);
  const base = text.slice(0, 8).trimEnd();
  const extension = text.slice(8).trimEnd();
  const shownBase = (caseFlags & LOWER_BASE) === 0 ? base : base.toLowerCase();
  const shownExtension = (caseFlags & LOWER_EXTENSION) === 0 ? extension : extension.toLowerCase();
  return extension === '' ? shownBase : `${shownBase}.${shownExtension}`;
}

export interface ShortName {
  /** 11 bytes, padded with spaces. */
  readonly bytes: Buffer;
  /** The short name says the whole name: no long one is needed. */
  readonly isWhole: boolean;
}

/** A short name for a new file, unlike all in `taken` (as `decodeShortName` gives them). */
export function makeShortName(name: string, taken: ReadonlySet<string>): ShortName {
  const { base, extension } = splitExtension(name);
  const fits = isShortPart(base, 8) && (isShortPart(extension, 3) || (extension === '' && base === name));
  if (fits) return { bytes: encode(base, extension), isWhole: true };
  const shortBase = toShort(base, 8) || '_';
  const shortExtension = toShort(extension, 3);
  for (let number = 1; number <= MAX_SUFFIX; number++) {
    const suffix = `~${number}`;
    const bytes = encode(shortBase.slice(0, 8 - suffix.length) + suffix, shortExtension);
    if (!taken.has(decodeShortName(bytes, 0))) return { bytes, isWhole: false };
  }
  throw new RdtError(`there is no short name left for ${name} on the boot partition`);
}

const isShortPart = (part: string, length: number): boolean => part.length <= length && SHORT_SAFE.test(part);

function splitExtension(name: string): { base: string; extension: string } {
  const dot = name.lastIndexOf('.');
  return dot <= 0
    ? { base: name, extension: '' }
    : { base: name.slice(0, dot), extension: name.slice(dot + 1) };
}

/** Spaces and dots vanish, what a short name cannot hold becomes an underscore. */
const toShort = (part: string, length: number): string =>
  Array.from(part.toUpperCase().replace(/[ .]/g, ''), (char) => (SHORT_SAFE.test(char) ? char : '_'))
    .join('')
    .slice(0, length);

const encode = (base: string, extension: string): Buffer =>
  Buffer.from(base.padEnd(8, ' ') + extension.padEnd(3, ' '), 'latin1');
