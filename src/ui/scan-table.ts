import type { ScanRow } from '../discovery/scan.js';
import { displayWidth } from './text-width.js';

interface Column {
  readonly title: string;
  /** Wide enough for the usual, so that rows of later devices stay in line with those already printed. */
  readonly columns: number;
  readonly cell: (row: ScanRow) => string;
}

const COLUMNS: readonly Column[] = [
  { title: 'NAME', columns: 16, cell: (row) => row.name },
  { title: 'ADDRESS', columns: 15, cell: (row) => row.address },
  { title: 'KIND', columns: 11, cell: (row) => row.kind },
  { title: 'ENGINE', columns: 14, cell: (row) => row.info?.version ?? '-' },
  { title: 'ARCH', columns: 7, cell: (row) => row.info?.architecture ?? '-' },
  { title: 'RUNNING', columns: 7, cell: (row) => row.info?.runningContainers.toString() ?? '-' },
];

/** Turns rows into lines one at a time, as they come. A column grows with its content, and stays as wide from then on. */
export class ScanTable {
  readonly #widths = COLUMNS.map(({ columns }) => columns);
  #hasTitles = false;

  /** The lines to print for this row: the first one brings the titles along. */
  lines(row: ScanRow): string[] {
    const cells = COLUMNS.map(({ cell }) => cell(row));
    cells.forEach((cell, index) => {
      this.#widths[index] = Math.max(this.#widths[index] ?? 0, displayWidth(cell));
    });
    const line = this.#line(row.trouble === undefined ? cells : [...cells, row.trouble]);
    if (this.#hasTitles) return [line];
    this.#hasTitles = true;
    return [this.#line(COLUMNS.map(({ title }) => title)), line];
  }

  #line(cells: readonly string[]): string {
    const padded = cells.map((cell, index) => {
      const missing = (this.#widths[index] ?? 0) - displayWidth(cell);
      return cell + ' '.repeat(Math.max(0, missing));
    });
    return padded.join('  ').trimEnd();
  }
}
