const MOST_NAMES = 5;

/** As many of them as one reads. */
export function named(paths: readonly string[]): string {
  const more = paths.length > MOST_NAMES ? ` and ${paths.length - MOST_NAMES} more` : '';
  return `${paths.slice(0, MOST_NAMES).join(', ')}${more}`;
}
