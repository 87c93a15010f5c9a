/** Milliseconds of one method in one row, one a round. */
export type Samples = readonly number[];

export function median(samples: Samples): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) return Number.NaN;
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}

/** The sample that so many percent are not above. */
export function percentile(samples: Samples, percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** Rows of text as a table whose columns line up: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ');
  return rows.map(line).join('\n');
}

/** A line that says whether a measured value is within what is wanted. */
export function verdict(what: string, value: number, unit: string, limit: number, digits = 0): string {
  return `  ${metOrMissed(value <= limit)}: ${what}: ${value.toFixed(digits)} ${unit} (wanted ${limit})`;
}

export const metOrMissed = (isMet: boolean): string => (isMet ? 'met   ' : 'missed');
