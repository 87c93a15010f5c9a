import { readFile } from 'node:fs/promises';

/** One line of `/proc/PID/mountinfo`. */
export interface Mount {
  /** `8:17`; btrfs and overlay show a number of their own, not their device's. */
  readonly deviceNumber: string;
  readonly mountPoint: string;
  readonly fsType: string;
  /** Usually the device's path. */
  readonly source: string;
  /** What an overlay is made of: directories of other mounts. */
  readonly layers: readonly string[];
}

/** In the order in which they were mounted. */
export async function readMounts(pid: number | 'self' = 'self'): Promise<Mount[]> {
  return parseMountInfo(await readFile(`/proc/${pid}/mountinfo`, 'utf8'));
}

/** See proc(5): optional fields of unknown number end with a lone hyphen. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [, , deviceNumber, , mountPoint] = before.split(' ');
    const [fsType = '', source = '', options = ''] = after.split(' ');
    if (deviceNumber === undefined || mountPoint === undefined) return [];
    const layers = fsType === 'overlay' ? layersOf(options) : [];
    return [{ deviceNumber, mountPoint: unescape(mountPoint), fsType, source: unescape(source), layers }];
  });
}

const layersOf = (options: string): string[] =>
  options.split(',').flatMap((option) => {
    const paths = /^(?:lowerdir\+?|upperdir|datadir\+)=(.*)$/.exec(option)?.[1] ?? '';
    return paths
      .split(':')
      .filter((path) => path !== '')
      .map(unescape);
  });

/** Devices and files that memory is swapped to. */
export async function readSwaps(): Promise<string[]> {
  return parseSwaps(await readFile('/proc/swaps', 'utf8'));
}

export const parseSwaps = (text: string): string[] =>
  text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [path] = line.split(/\s+/);
      return path === undefined || path === '' ? [] : [unescape(path)];
    });

/** The kernel writes blanks and backslashes as `\040`, byte by byte. */
const unescape = (text: string): string =>
  text.replace(/(?:\\[0-7]{3})+/g, (codes) =>
    Buffer.from(
      codes
        .split('\\')
        .slice(1)
        .map((code) => parseInt(code, 8)),
    ).toString('utf8'),
  );
