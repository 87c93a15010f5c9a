import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { RdtError } from '../../errors.js';
import { parseBmap, type Bmap } from '../block-map-bmap.js';

/** The text of an optional file beside an image; undefined when there is none. */
async function readBeside(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new RdtError(`cannot read ${path}`, { cause: error });
  }
}

/** Lower-case hex from `<image>.sha256`: the bare sum, or lines as `sha256sum` writes them. Undefined when there is no such file. */
export async function sha256Beside(imagePath: string): Promise<string | undefined> {
  const path = `${imagePath}.sha256`;
  const text = await readBeside(path);
  if (text === undefined) return undefined;
  const lines = [...text.matchAll(/^\\?([0-9a-fA-F]{64})(?:\s+\*?(.*?))?\s*$/gm)];
  const named = lines.filter(([, , name]) => name !== undefined && basename(name) === basename(imagePath));
  const [line, ...others] = named.length > 0 ? named : lines;
  if (line?.[1] === undefined || others.length > 0) {
    throw new RdtError(`${path} has no single SHA-256 sum of ${basename(imagePath)} in it`);
  }
  return line[1].toLowerCase();
}

/** The bmap of an image: the named one, or `<image>.bmap`, or the one that Yocto makes before packing (`os.img.bmap` for `os.img.gz`). */
export async function findBmap(
  named: string | undefined,
  imagePath: string | undefined,
): Promise<Bmap | undefined> {
  if (named !== undefined) {
    const text = await readBeside(named);
    if (text === undefined) throw new RdtError(`cannot read ${named}: there is no such file`);
    return parseBmap(text, named);
  }
  if (imagePath === undefined) return undefined;
  for (const path of new Set([
    `${imagePath}.bmap`,
    `${imagePath.replace(/\.(gz|xz|bz2|zst|zip)$/i, '')}.bmap`,
  ])) {
    const text = await readBeside(path);
    if (text !== undefined) return parseBmap(text, path);
  }
  return undefined;
}
