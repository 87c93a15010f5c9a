import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RdtError } from '../../errors.js';
import { parseBmap, type Bmap } from '../block-map-bmap.js';
import { errorCode } from '../../system-error.js';

/** The folder that an image lies in, on this machine or on a server. */
export interface ImageFolder {
  /** Of the image itself: a path, or that part of an address. */
  readonly imageName: string;
  /** The text of an optional file there, and where it was read; undefined when there is none. Throws an `RdtError` when it cannot be read. */
  read(name: string): Promise<TextBeside | undefined>;
}

export interface TextBeside {
  readonly place: string;
  readonly text: string;
}

const PACKED_ENDING = /\.(gz|xz|bz2|zst|zip)$/i;

/** Reads files beside an image of this machine. */
export const localFolder = (imagePath: string): ImageFolder => ({ imageName: imagePath, read: readOptional });

async function readOptional(path: string): Promise<TextBeside | undefined> {
  try {
    return { place: path, text: await readFile(path, 'utf8') };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw new RdtError(`cannot read ${path}`, { cause: error });
  }
}

/** Lower-case hex from `<image>.sha256`: the bare sum, or lines as `sha256sum` writes them. Undefined when there is no such file. */
export async function sha256Beside(folder: ImageFolder): Promise<string | undefined> {
  const found = await folder.read(`${folder.imageName}.sha256`);
  if (found === undefined) return undefined;
  const image = basename(folder.imageName);
  const lines = [...found.text.matchAll(/^\\?([0-9a-fA-F]{64})(?:\s+\*?(.*?))?\s*$/gm)];
  const named = lines.filter(([, , name]) => name !== undefined && basename(name) === image);
  const [line, ...others] = named.length > 0 ? named : lines;
  if (line?.[1] === undefined || others.length > 0) {
    throw new RdtError(`${found.place} has no single SHA-256 sum of ${image} in it`);
  }
  return line[1].toLowerCase();
}

/** Throws an `RdtError` when the file that the user named is missing or no bmap. */
export async function readBmap(path: string): Promise<Bmap> {
  const found = await readOptional(path);
  if (found === undefined) throw new RdtError(`cannot read ${path}: there is no such file`);
  return parseBmap(found.text, path);
}

/** `<image>.bmap`, or the one that Yocto makes before packing (`os.img.bmap` for `os.img.gz`). */
export async function bmapBeside(folder: ImageFolder): Promise<Bmap | undefined> {
  const { imageName } = folder;
  for (const name of new Set([imageName, imageName.replace(PACKED_ENDING, '')])) {
    const found = await folder.read(`${name}.bmap`);
    if (found !== undefined) return parseBmap(found.text, found.place);
  }
  return undefined;
}
