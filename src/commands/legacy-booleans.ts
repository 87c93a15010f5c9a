const SWITCHES: Readonly<Record<string, string>> = {
  '--verbose': '--no-verbose',
  '-v': '--no-verbose',
  '--progress': '--no-progress',
  '-p': '--no-progress',
};

/** The original's switches took a value, as in `--verbose false`; ours take none, and `--no-verbose` is their opposite. */
export function withoutBooleanValues(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const result: string[] = [];
  for (const arg of own) {
    const opposite = arg === 'true' || arg === 'false' ? SWITCHES[result.at(-1) ?? ''] : undefined;
    if (opposite === undefined) result.push(arg);
    else if (arg === 'false') result.splice(-1, 1, opposite);
  }
  return [...result, ...args.slice(own.length)];
}
