import { fileURLToPath } from 'node:url';
import { attempted, FlashBench, installEtcher, peakBytes, throttled, timed } from './flash-rig.js';
import { median, table } from './statistics.js';

const RDT = `${process.execPath} ${process.env['RDT_BIN'] ?? fileURLToPath(new URL('../bin/rdt.js', import.meta.url))}`;
const ETCHER = fileURLToPath(new URL('etcher-flash.mjs', import.meta.url));
const IMAGE_BYTES = 572 * 1024 * 1024;
const CARD_BYTES_PER_SECOND = 40_000_000;
const MAX_PEAK_BYTES = 160e6;
const MAX_CONFIGURE_MS = 300;

interface Yardstick {
  readonly name: string;
  readonly line: string;
  /** What rdt may take of it at most; undefined where the issue sets none. */
  readonly target?: number;
}

interface Case {
  readonly name: string;
  readonly rdt: string;
  readonly yardsticks: readonly Yardstick[];
}

/** `npm run bench -- flash [rounds] [part ...]`: parts are loop, card, configure and memory. */
export async function benchFlash(rounds: number, parts: readonly string[]): Promise<void> {
  using bench = new FlashBench();
  const wants = (part: string): boolean => parts.length === 0 || parts.includes(part);
  if (wants('loop')) compare('a loop device in memory', loopCases(bench), rounds);
  if (wants('card')) compare('a card of 40 MB/s', cardCases(bench), rounds);
  if (wants('configure')) showConfigure(bench, rounds);
  if (wants('memory')) await showMemory(bench);
}

const rdt = (image: string, drive: string, ...more: readonly string[]): string =>
  [RDT, 'flash', image, '--drive', drive, '--yes', '--force', ...more].join(' ');

const dd = (bench: FlashBench, input = ''): string =>
  `dd ${input} of=${bench.drive} bs=4M iflag=fullblock oflag=direct conv=fsync`;

const ddBack = (bench: FlashBench, image: string): string =>
  `${dd(bench, `if=${image}`)} && dd if=${bench.drive} of=${bench.folder}/back bs=4M count=143 iflag=direct && cmp ${image} ${bench.folder}/back`;

function loopCases(bench: FlashBench): Case[] {
  const etcher = installEtcher();
  const byEtcher = (image: string, verify: string, target?: number): Yardstick[] => {
    const line = [process.execPath, ETCHER, etcher, image, bench.drive, 734003200, verify].join(' ');
    return etcher === undefined
      ? []
      : [{ name: 'etcher-sdk', line, ...(target === undefined ? {} : { target }) }];
  };
  const gz = bench.pack('gz', 'gzip');
  const xz = bench.pack('xz', 'xz', '-T2', '-3');
  const zst = bench.pack('zst', 'zstd');
  const zip = bench.packed('os.zip', () => timed(`zip -q -j ${bench.folder}/os.zip ${bench.image}`));
  const ddVerified = (image: string): Yardstick => ({
    name: 'dd, dd back, cmp',
    line: ddBack(bench, image),
    target: 0.75,
  });
  return [
    ...[bench.full, bench.noise].flatMap((image): Case[] => [
      {
        name: image === bench.full ? 'raw, verified' : 'raw that is all noise, verified',
        rdt: rdt(image, bench.drive),
        yardsticks: [...byEtcher(image, 'verify', 0.6), ddVerified(image)],
      },
      {
        name: image === bench.full ? 'raw' : 'raw that is all noise',
        rdt: rdt(image, bench.drive, '--no-verify'),
        yardsticks: [...byEtcher(image, 'no'), { name: 'dd', line: dd(bench, `if=${image}`) }],
      },
    ]),
    {
      name: 'gz, verified',
      rdt: rdt(gz, bench.drive),
      yardsticks: [
        ...byEtcher(gz, 'verify', 0.4),
        { name: 'zcat|dd, not verified', line: `zcat ${gz} | ${dd(bench)}`, target: 0.45 },
      ],
    },
    {
      name: 'xz, verified',
      rdt: rdt(xz, bench.drive),
      yardsticks: [
        ...byEtcher(xz, 'verify', 0.45),
        { name: 'xz|dd, not verified', line: `xz -T0 -dc ${xz} | ${dd(bench)}` },
      ],
    },
    {
      name: 'zip, verified',
      rdt: rdt(zip, bench.drive),
      yardsticks: [
        ...byEtcher(zip, 'verify'),
        { name: 'unzip|dd, not verified', line: `unzip -p ${zip} | ${dd(bench)}` },
      ],
    },
    {
      name: 'zst, verified',
      rdt: rdt(zst, bench.drive),
      yardsticks: [{ name: 'zstd|dd, not verified', line: `zstd -dcq ${zst} | ${dd(bench)}` }],
    },
  ];
}

function cardCases(bench: FlashBench): Case[] {
  const slow = (line: string): string => throttled(line, bench.drive, CARD_BYTES_PER_SECOND) ?? line;
  const bmap = bench.packed('os.img.map', () =>
    timed(`bmaptool create -o ${bench.folder}/os.img.map ${bench.image}`),
  );
  const bmaptool = `bmaptool copy --bmap ${bmap} ${bench.image} ${bench.drive}`;
  return [
    {
      name: 'raw with holes, verified',
      rdt: slow(rdt(bench.image, bench.drive)),
      yardsticks: [{ name: 'bmaptool, not verified', line: slow(bmaptool), target: 1.1 }],
    },
    {
      name: 'raw without holes, verified',
      rdt: slow(rdt(bench.full, bench.drive)),
      yardsticks: [{ name: 'dd, not verified', line: slow(dd(bench, `if=${bench.full}`)) }],
    },
  ];
}

/** One round of all methods after the other, again and again: what disturbs the machine disturbs all of them. */
function compare(title: string, cases: readonly Case[], rounds: number): void {
  const rows = [[title, 'rdt s', 'MB/s', 'yardstick', 's', 'ratio', 'target']];
  for (const { name, rdt: own, yardsticks } of cases) {
    const lines = [own, ...yardsticks.map(({ line }) => line)];
    const samples = lines.map((): number[] => []);
    for (let round = 0; round < rounds; round += 1) {
      lines.forEach((line, index) => samples[index]?.push(attempt(line)));
    }
    const [ownMs = Number.NaN, ...others] = samples.map(median);
    yardsticks.forEach((yardstick, index) => {
      const ratio = ownMs / (others[index] ?? Number.NaN);
      const shown = [seconds(ownMs), (IMAGE_BYTES / 1e3 / ownMs).toFixed(0)];
      const mark =
        yardstick.target === undefined
          ? ''
          : `${yardstick.target} ${ratio <= yardstick.target ? 'met' : 'MISSED'}`;
      rows.push([
        name,
        ...shown,
        yardstick.name,
        seconds(others[index] ?? Number.NaN),
        ratio.toFixed(2),
        mark,
      ]);
    });
  }
  console.log(`${table(rows)}\n`);
}

/** etcher-sdk fails its own verification of what it made of an .xz; that is said, and its time counts. */
function attempt(line: string): number {
  const { ms, failure } = attempted(line);
  if (failure !== undefined)
    console.error(`${line.split(' ').slice(0, 4).join(' ')} ... fails: ${failure.split('\n')[0] ?? ''}`);
  return ms;
}

/** Each round sets something else, so that something is written. */
function showConfigure(bench: FlashBench, rounds: number): void {
  const samples = Array.from({ length: rounds }, (_, round) =>
    timed(
      `${RDT} configure ${bench.image} --hostname kitchen-${round} --wifi-ssid home-${round} --wifi-security open`,
    ),
  );
  const ms = median(samples);
  const mark = `0.3 ${ms <= MAX_CONFIGURE_MS ? 'met' : 'MISSED'}`;
  console.log(
    `${table([
      ['configure of an image', 's', 'target'],
      ['host name and Wi-Fi', seconds(ms), mark],
    ])}\n`,
  );
}

async function showMemory(bench: FlashBench): Promise<void> {
  const rows = [['peak memory with all children', 'MB', 'target']];
  const images: Record<string, string> = {
    raw: bench.full,
    'raw that is all noise': bench.noise,
    gz: bench.pack('gz', 'gzip'),
    'xz (many blocks)': bench.pack('xz', 'xz', '-T2', '-3'),
    'xz -9': bench.pack('9.xz', 'xz', '-9'),
    bz2: bench.pack('bz2', 'bzip2'),
    zst: bench.pack('zst', 'zstd'),
    zip: bench.packed('os.zip', () => timed(`zip -q -j ${bench.folder}/os.zip ${bench.image}`)),
  };
  for (const [name, image] of Object.entries(images)) {
    const peak = await peakBytes(rdt(image, bench.drive));
    rows.push([name, (peak / 1e6).toFixed(0), `160 ${peak <= MAX_PEAK_BYTES ? 'met' : 'MISSED'}`]);
  }
  console.log(table(rows));
}

const seconds = (ms: number): string => (ms / 1000).toFixed(2);
