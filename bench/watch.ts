import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processorSeconds, residentMegabytes } from '../test/testbed/process-use.js';
import { LINK_PROFILES, VirtualDevice } from '../test/testbed/virtual-device.js';
import { BenchProject, POLITE, type ProjectSize } from './push-rig.js';
import { median, verdict } from './statistics.js';
import { type Bench, Lanes, measure, type Method, RESTARTING, type Row, SYNCING } from './watch-lanes.js';
import { watchByRdt, type Watching } from './watch-peers.js';
import { print } from './watch-report.js';
import { DESTINATION, type ExpectedBytes } from './watch-rig.js';
import { namedIn } from './words.js';

type LinkName = 'none' | keyof typeof LINK_PROFILES;

const LINKS: readonly LinkName[] = ['none', 'lan', 'wifi'];
const SMALL = { files: 1_000, bytesPerFile: 10_000 };
const LARGE = { files: 20_000, bytesPerFile: 500 };
const BIG_BYTES = 200 << 20;
/** A part of the large file, and as long as what is saved of it. */
const BIG_EDIT_BYTES = 1_024;
/** What a start leaves to do, such as the collection of its garbage. */
const SETTLE_MS = 8_000;
const IDLE_MS = 30_000;
/** What an app prints first is how a file of it begins. */
const printing = (path: string): string => `head -n 1 ${path}; ${POLITE}`;

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<readonly Row[]>>> = {
  small: (bench) => readableRows(bench, SMALL, [1, 200]),
  line: (bench) => firstLineRows(bench, SMALL, [1, 200]),
  'no-shell': (bench) => noShellRow(bench),
  large: (bench) => readableRows(bench, LARGE, [1]),
  'large-line': (bench) => firstLineRows(bench, LARGE, [1]),
  ready: (bench) => ready(bench),
  big: (bench) => bigFileRow(bench),
  'big-line': (bench) => bigFileLineRow(bench),
};

/**
 * From a `write()` here to the bytes in the container, and to the first line of the restarted app; all methods in each round, in rotated order.
 * `words` name links and parts; without any of a kind, all of it.
 */
export async function benchWatch(rounds: number, words: readonly string[]): Promise<void> {
  for (const link of namedIn(words, LINKS)) {
    const profile = link === 'none' ? {} : { link: LINK_PROFILES[link] };
    await using device = await VirtualDevice.up({
      name: `benchw-${link}`,
      images: ['busybox', 'scratch-app'],
      announce: false,
      ...profile,
    });
    const bench = { device, address: device.linkAddress, rounds };
    // Each part is shown when it is known: all of them take minutes.
    const rows: Row[] = [];
    for (const part of namedIn(words, Object.keys(PARTS))) {
      rows.push(...((await PARTS[part]?.(bench)) ?? []));
      print(link, rows);
    }
  }
}

function fileName(index: number): string {
  return `src/d${index % 50}/file${index}.js`;
}

async function readableRows(bench: Bench, size: ProjectSize, counts: readonly number[]): Promise<Row[]> {
  await using lanes = new Lanes(bench, SYNCING, size, POLITE);
  await lanes.open();
  const rows: Row[] = [];
  for (const count of counts) {
    const samples = await measure(lanes, roundsFor(count, bench), (method, project, round) =>
      readableAfter(lanes, method, () => edit(project, count, `${count}/${round}`)),
    );
    rows.push([rowName(count, size), samples]);
  }
  const pid = lanes.watchers.get('rdt')?.pid ?? 0;
  console.log(`rdt watches ${size.files} files with ${residentMegabytes(pid).toFixed(0)} MB`);
  return rows;
}

/** Of a project that was pushed before: the time from the command to the watch, what it holds then, and what it does when nothing happens. */
async function ready({ device, address, rounds }: Bench): Promise<Row[]> {
  using project = new BenchProject('ready', LARGE, POLITE);
  const state = mkdtempSync(join(tmpdir(), 'rdt-bench-watch-'));
  const place = { folder: project.folder, app: project.app, address, merged: '', restarts: false };
  const open = (): Promise<Watching> => watchByRdt(place, 'none', state);
  const startedMs: number[] = [];
  const megabytes: number[] = [];
  // The first one builds, and is not counted.
  await (await open())[Symbol.asyncDispose]();
  for (let round = 0; round < rounds; round++) {
    const startMs = performance.now();
    await using watching = await open();
    startedMs.push(performance.now() - startMs);
    await delay(SETTLE_MS);
    megabytes.push(residentMegabytes(watching.pid ?? 0));
  }
  await using watching = await open();
  await delay(SETTLE_MS);
  const before = processorSeconds(watching.pid ?? 0);
  await delay(IDLE_MS);
  const idle = (processorSeconds(watching.pid ?? 0) - before) / (IDLE_MS / 1_000);
  const aloneMs = Array.from({ length: rounds }, () => watchAlone(project.folder));
  console.log(`${project.size.files} files are watched`);
  console.log(verdict('from the command on', median(startedMs), 'ms', 300));
  console.log(verdict('the folder alone, without the command and the device', median(aloneMs), 'ms', 300));
  console.log(verdict('resident', median(megabytes), 'MB', 100));
  console.log(verdict('idle, of a processor', 100 * idle, '%', 0.5, 2));
  rmSync(state, { recursive: true, force: true });
  await device.docker('rm', '-f', project.app);
  return [];
}

function watchAlone(folder: string): number {
  const script = fileURLToPath(new URL('watch-alone.ts', import.meta.url));
  return Number(execFileSync(process.execPath, ['--import', 'tsx', script, folder], { encoding: 'utf8' }));
}

async function readableAfter(lanes: Lanes, method: Method, write: () => ExpectedBytes[]): Promise<number> {
  const startMs = performance.now();
  const expected = write();
  await lanes.eyes.get(method)?.untilReadable(expected);
  return performance.now() - startMs;
}

function edit({ folder, size }: BenchProject, count: number, mark: string): ExpectedBytes[] {
  const step = Math.floor(size.files / count);
  return Array.from({ length: count }, (_, index) => {
    const path = fileName(index * step);
    const bytes = Buffer.from(`// ${mark} ${index}\n`.padEnd(size.bytesPerFile, 'const value = 1;\n'));
    writeFileSync(join(folder, path), bytes);
    return { path, offset: 0, bytes };
  });
}

const rowName = (count: number, { files }: ProjectSize): string =>
  `${count} of ${files.toLocaleString('en')}`;

const roundsFor = (count: number, { rounds }: Bench): number =>
  count === 1 ? rounds : Math.ceil(rounds / 2);

/** An image without a shell: only the engine, or the device itself, can write into its containers; livepush cannot. */
async function noShellRow(bench: Bench): Promise<Row[]> {
  const dockerfile = `FROM scratch-app\nWORKDIR ${DESTINATION}\nCOPY . .\n`;
  await using lanes = new Lanes(bench, ['rdt', 'rsync', 'compose'], LARGE, POLITE, ({ folder }) =>
    writeFileSync(join(folder, 'Dockerfile'), dockerfile),
  );
  await lanes.open();
  const samples = await measure(lanes, bench.rounds, (method, project, round) =>
    readableAfter(lanes, method, () => edit(project, 1, `no shell ${round}`)),
  );
  return [[`${rowName(1, LARGE)}, no shell`, samples]];
}

async function firstLineRows(bench: Bench, size: ProjectSize, counts: readonly number[]): Promise<Row[]> {
  await using lanes = new Lanes(bench, RESTARTING, size, printing(fileName(0)));
  await lanes.open();
  const rows: Row[] = [];
  for (const count of counts) {
    const samples = await measure(lanes, roundsFor(count, bench), (method, project, round) => {
      const mark = `line-${count}-${round}-`;
      return printedAfter(lanes, method, mark, () => edit(project, count, mark));
    });
    rows.push([`first line, ${rowName(count, size)}`, samples]);
  }
  return rows;
}

async function printedAfter(
  lanes: Lanes,
  method: Method,
  mark: string,
  write: () => unknown,
): Promise<number> {
  const printed = lanes.watchers.get(method)?.untilPrinted(mark);
  const startMs = performance.now();
  write();
  await printed;
  return performance.now() - startMs;
}

async function bigFileRow(bench: Bench): Promise<Row[]> {
  await using lanes = bigFileLanes(bench, SYNCING, POLITE);
  await openWithBigFile(lanes, bench);
  const samples = await measure(lanes, bench.rounds, (method, project, round) =>
    readableAfter(lanes, method, () => {
      const offset = (BIG_BYTES / 2) | (round * 131_072);
      return [writeInto(project, offset, randomBytes(BIG_EDIT_BYTES))];
    }),
  );
  return [['1 KB of 200 MB', samples]];
}

async function bigFileLineRow(bench: Bench): Promise<Row[]> {
  await using lanes = bigFileLanes(bench, RESTARTING, printing('big.bin'));
  await openWithBigFile(lanes, bench);
  const samples = await measure(lanes, bench.rounds, (method, project, round) => {
    const mark = `line-big-${round}-`;
    const text = Buffer.from(`${mark.padEnd(BIG_EDIT_BYTES - 1)}\n`);
    return printedAfter(lanes, method, mark, () => writeInto(project, 0, text));
  });
  return [['first line, 1 KB of 200 MB', samples]];
}

const bigFileLanes = (bench: Bench, methods: readonly Method[], command: string): Lanes =>
  new Lanes(bench, methods, { files: 100, bytesPerFile: 1_000 }, command, ({ folder }) =>
    writeFileSync(join(folder, '.dockerignore'), 'big.bin\n'),
  );

/** The file is put into each container beforehand; what the watch sends is the change of 1 KB in it. */
async function openWithBigFile(lanes: Lanes, { device }: Bench): Promise<void> {
  const content = Buffer.concat([Buffer.from('first\n'), randomBytes(BIG_BYTES)]);
  await lanes.open(async ({ folder, app }) => {
    writeFileSync(join(folder, 'big.bin'), content);
    await device.docker('cp', '-a', join(folder, 'big.bin'), `${app}:${DESTINATION}/big.bin`);
    await device.docker('exec', app, 'rm', '-f', `${DESTINATION}/.rdt-state`);
  });
}

function writeInto({ folder }: BenchProject, offset: number, bytes: Buffer): ExpectedBytes {
  const handle = openSync(join(folder, 'big.bin'), 'r+');
  writeSync(handle, bytes, 0, bytes.length, offset);
  closeSync(handle);
  return { path: 'big.bin', offset, bytes };
}
