const SWITCHES = new Set(['--verbose', '-v', '--progress', '-p']);

/** The original's switches took a value, as in `--verbose false`; ours take none, and `--no-verbose` is their opposite. */
export function withoutBooleanValues(args: readonly string[]): string[] {
  const end = args.indexOf('--');
  const own = end === -1 ? args : args.slice(0, end);
  const result: string[] = [];
  for (const arg of own) {
    const last = result.at(-1);
    const isValue = (arg === 'true' || arg === 'false') && last !== undefined && SWITCHES.has(last);
    if (!isValue) result.push(arg);
    else if (arg === 'false') result.pop();
  }
  return [...result, ...args.slice(own.length)];
}
