import type { Stamp } from './tree.js';

/**
 * Many entries as one array of numbers, `COLUMNS` for each: kind and mode, size, mtime, ctime, inode. Folders have only the first of them, and
 * links only their kind. An object for each of 20,000 files takes longer to make, and to collect, than the numbers take to compare.
 */
export const COLUMNS = 5;

/** A large file is one whose blocks are known. */
const KINDS = ['file', 'directory', 'symlink', 'large file'] as const;
export type ColumnKind = (typeof KINDS)[number];

const MODE_BITS = 12;

export interface EntryNumbers {
  readonly kind: ColumnKind;
  readonly mode: number;
  readonly sizeBytes: number;
  readonly stamp: Stamp;
}

/** `at` counts entries. */
export function putNumbers(
  numbers: Float64Array,
  at: number,
  { kind, mode, sizeBytes, stamp }: EntryNumbers,
): void {
  const start = at * COLUMNS;
  numbers[start] = (KINDS.indexOf(kind) << MODE_BITS) | mode;
  numbers[start + 1] = sizeBytes;
  numbers[start + 2] = stamp.mtimeMs;
  numbers[start + 3] = stamp.ctimeMs;
  numbers[start + 4] = stamp.inode;
}

/** Undefined where the number says no kind. */
export const kindAt = (numbers: Float64Array, at: number): ColumnKind | undefined =>
  KINDS[numberAt(numbers, at, 0) >> MODE_BITS];

export const modeAt = (numbers: Float64Array, at: number): number =>
  numberAt(numbers, at, 0) & ((1 << MODE_BITS) - 1);

export const sizeAt = (numbers: Float64Array, at: number): number => numberAt(numbers, at, 1);

export const stampAt = (numbers: Float64Array, at: number): Stamp => ({
  mtimeMs: numberAt(numbers, at, 2),
  ctimeMs: numberAt(numbers, at, 3),
  inode: inodeAt(numbers, at),
});

export const inodeAt = (numbers: Float64Array, at: number): number => numberAt(numbers, at, 4);

/** Whether two files have the same size and stamp. */
export const sameFileNumbers = (a: Float64Array, atA: number, b: Float64Array, atB: number): boolean =>
  sameFrom(1, a, atA, b, atB);

export const sameNumbers = (a: Float64Array, atA: number, b: Float64Array, atB: number): boolean =>
  sameFrom(0, a, atA, b, atB);

function sameFrom(first: number, a: Float64Array, atA: number, b: Float64Array, atB: number): boolean {
  for (let column = first; column < COLUMNS; column++)
    if (a[atA * COLUMNS + column] !== b[atB * COLUMNS + column]) return false;
  return true;
}

const numberAt = (numbers: Float64Array, at: number, column: number): number =>
  numbers[at * COLUMNS + column] ?? Number.NaN;
