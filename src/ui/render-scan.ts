import type { Writable } from 'node:stream';
import type { ScanRow } from '../discovery/scan.js';
import { toScanJson } from '../discovery/scan-json.js';
import { ScanTable } from './scan-table.js';

/** Prints a table row by row, or one JSON array in the end, and returns all rows. */
export async function renderScan(
  rows: AsyncIterable<ScanRow>,
  output: Writable,
  asJson: boolean,
): Promise<readonly ScanRow[]> {
  const table = new ScanTable();
  const printed: ScanRow[] = [];
  for await (const row of rows) {
    printed.push(row);
    if (!asJson) for (const line of table.lines(row)) output.write(`${line}\n`);
  }
  if (asJson) output.write(`${JSON.stringify(printed.map(toScanJson), undefined, 2)}\n`);
  return printed;
}
