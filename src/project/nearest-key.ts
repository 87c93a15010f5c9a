/** The known key that a person most likely meant; undefined when none is near enough to be worth a guess. */
export function nearestKey(unknown: string, known: readonly string[]): string | undefined {
  const wanted = normal(unknown);
  let best: { key: string; distance: number } | undefined;
  for (const key of known) {
    const distance = editDistance(wanted, normal(key));
    if (distance <= tolerance(key) && (best === undefined || distance < best.distance))
      best = { key, distance };
  }
  return best?.key;
}

/** `appName`, `app_name` and `App Name` are all `app-name`. */
const normal = (key: string): string =>
  key
    .slice(0, 40)
    .replace(/([a-z])([A-Z])/g, '$1-$2')
    .replace(/[_\s]/g, '-')
    .toLowerCase();

const tolerance = (key: string): number => Math.max(1, Math.floor(key.length / 3));

/** Levenshtein's distance, with a swap of neighbours as one step. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  const at = (i: number, j: number): number => rows[i]?.[j] ?? Infinity;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const substituted = at(i - 1, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(i - 2, j - 2) + 1 : Infinity;
      row[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, substituted, swapped);
    }
  }
  return at(a.length, b.length);
}
