import { median, metOrMissed, percentile, table, verdict } from './statistics.js';
import { type Method, type Row, RESTARTING } from './watch-lanes.js';

const COLUMNS: readonly Method[] = ['rdt', ...RESTARTING];

/** p50 and p95 in ms: what is wanted, from `write()` on. */
type Limits = readonly [p50: number, p95?: number];

interface Target {
  readonly row: string;
  readonly method: Method;
  readonly limits: Readonly<Record<string, Limits>>;
}

const onEachLink = (...limits: Limits): Target['limits'] => ({ none: limits, lan: limits, wifi: limits });

const TARGETS: readonly Target[] = [
  { row: '1 of 20,000', method: 'rdt', limits: { none: [15, 40], lan: [20, 50], wifi: [40, 80] } },
  { row: '1 of 20,000, no shell', method: 'rdt', limits: { none: [75], lan: [110], wifi: [130] } },
  ...['first line, 1 of 1,000', 'first line, 1 of 20,000'].flatMap((row): Target[] => [
    { row, method: 'rdt process', limits: onEachLink(120) },
    { row, method: 'rdt container', limits: onEachLink(350) },
  ]),
  { row: '1 KB of 200 MB', method: 'rdt', limits: { wifi: [450] } },
];

/** How much slower the nearest peer has to be where one file of many was saved. */
const PEER_RATIO = 5;
const ONE_FILE = /^(first line, )?1 of /;

/** All that is known of a link so far, and which of the targets it meets. */
export function print(link: string, rows: readonly Row[]): void {
  const header = [`link: ${link} (p50 / p95 ms)`, ...COLUMNS, 'nearest peer:rdt'];
  const lines = rows.map(([name, samples]) => {
    const cell = (method: Method): string => {
      const found = samples.get(method);
      return found === undefined ? '-' : `${median(found).toFixed(0)} / ${percentile(found, 95).toFixed(0)}`;
    };
    const ratios = ratiosOf(samples).map(([, ratio]) => ratio.toFixed(1));
    return [name, ...COLUMNS.map(cell), ratios.join(', ') || '-'];
  });
  console.log(table([header, ...lines]));
  for (const row of rows)
    for (const line of [...targetLines(link, row), ...peerLines(row)]) console.log(line);
  console.log();
}

/** How often the quickest peer's time is each of ours. */
function ratiosOf(samples: Row[1]): [Method, number][] {
  const medians = [...samples].map(([method, all]) => [method, median(all)] as const);
  const theirs = Math.min(...medians.filter(([method]) => !isOurs(method)).map(([, ms]) => ms));
  if (!Number.isFinite(theirs)) return [];
  return medians.filter(([method]) => isOurs(method)).map(([method, ms]) => [method, theirs / ms]);
}

const isOurs = (method: Method): boolean => method.startsWith('rdt');

function targetLines(link: string, [name, samples]: Row): string[] {
  return TARGETS.filter(({ row }) => row === name).flatMap(({ method, limits }) => {
    const [p50, p95] = limits[link] ?? [];
    const found = samples.get(method) ?? [];
    const line = (what: string, ms: number, limit: number | undefined): string[] =>
      limit === undefined ? [] : [verdict(`${name}, ${method}, ${what}`, ms, 'ms', limit)];
    return [...line('p50', median(found), p50), ...line('p95', percentile(found, 95), p95)];
  });
}

function peerLines([name, samples]: Row): string[] {
  if (!ONE_FILE.test(name)) return [];
  return ratiosOf(samples).map(
    ([method, ratio]) =>
      `  ${metOrMissed(ratio >= PEER_RATIO)}: ${name}, the nearest peer takes ${ratio.toFixed(1)} times as long as ${method} (wanted ${PEER_RATIO})`,
  );
}
