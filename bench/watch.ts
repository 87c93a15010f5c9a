import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { processorSeconds, residentMegabytes } from '../test/testbed/process-use.js';
import { LINK_PROFILES, VirtualDevice } from '../test/testbed/virtual-device.js';
import { BenchProject, mergedFolder, POLITE } from './push-rig.js';
import { median, percentile, table } from './statistics.js';
import { namedIn } from './words.js';
import { watchByCompose, watchByLivepush, watchByRdt, watchByRsync, type Watching } from './watch-peers.js';
import { ContainerEye, DESTINATION, type ExpectedBytes } from './watch-rig.js';

type LinkName = 'none' | keyof typeof LINK_PROFILES;
type Method = 'rdt' | 'rdt process' | 'rdt container' | 'rsync' | 'compose' | 'livepush';

const LINKS: readonly LinkName[] = ['none', 'lan', 'wifi'];
const SYNCING: readonly Method[] = ['rdt', 'rsync', 'compose', 'livepush'];
const RESTARTING: readonly Method[] = ['rdt process', 'rdt container', 'rsync', 'compose', 'livepush'];
const COLUMNS: readonly Method[] = ['rdt', 'rdt process', 'rdt container', 'rsync', 'compose', 'livepush'];
const SMALL = { files: 1_000, bytesPerFile: 10_000 };
const LARGE = { files: 20_000, bytesPerFile: 500 };
/** A peer takes seconds for what takes us milliseconds: so ours has enough samples for its p95. */
const OUR_TURNS = 3;
const BIG_BYTES = 200 << 20;
/** What a start leaves to do, such as the collection of its garbage. */
const SETTLE_MS = 8_000;
const IDLE_MS = 30_000;
const PRINTING = `head -n 1 ${fileName(0)}; ${POLITE}`;

type Samples = Map<Method, number[]>;
type Row = readonly [string, Samples];

interface Bench {
  readonly device: VirtualDevice;
  readonly address: string;
  readonly rounds: number;
}

const PARTS: Readonly<Record<string, (bench: Bench) => Promise<readonly Row[]>>> = {
  small: (bench) => readableRows(bench, SMALL, SYNCING, [1, 200]),
  line: async (bench) => [['first line of the app', await firstLines(halved(bench))]],
  'no-shell': (bench) => noShellRow(bench),
  large: (bench) => readableRows(bench, LARGE, SYNCING, [1]),
  ready: (bench) => ready(bench),
  big: async (bench) => [['1 KB of 200 MB', await bigFile(bench)]],
};

const halved = (bench: Bench): Bench => ({ ...bench, rounds: Math.ceil(bench.rounds / 2) });

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

/** Folders, apps and watchers of several methods, each with its own. */
class Lanes implements AsyncDisposable {
  readonly projects = new Map<Method, BenchProject>();
  readonly watchers = new Map<Method, Watching>();
  readonly eyes = new Map<Method, ContainerEye>();
  private readonly state = mkdtempSync(join(tmpdir(), 'rdt-bench-watch-'));

  constructor(
    private readonly bench: Bench,
    readonly methods: readonly Method[],
    size: typeof SMALL,
    command: string,
    prepare: (project: BenchProject) => void = () => undefined,
  ) {
    for (const method of methods) {
      const project = new BenchProject(method.replace(' ', '-'), size, command);
      if (method === 'livepush') addTestProgram(project);
      prepare(project);
      this.projects.set(method, project);
    }
  }

  async open(between: (project: BenchProject) => Promise<void> = () => Promise.resolve()): Promise<void> {
    for (const [method, project] of this.projects) {
      const restart = method === 'rdt process' ? ['--restart', 'process'] : ['--restart', 'none'];
      project.rdt(this.bench.address, ...restart);
      await between(project);
      this.watchers.set(method, await this.watch(method, project));
      this.eyes.set(method, await ContainerEye.open(this.bench.device, project.app));
    }
    await delay(1_000);
  }

  private async watch(method: Method, { folder, app }: BenchProject): Promise<Watching> {
    const { device, address } = this.bench;
    const restarts = this.methods === RESTARTING;
    const place = { folder, app, address, merged: await mergedFolder(device, app), restarts };
    switch (method) {
      case 'rdt':
        return watchByRdt(place, 'none', this.state);
      case 'rdt process':
        return watchByRdt(place, 'process', this.state);
      case 'rdt container':
        return watchByRdt(place, 'container', this.state);
      case 'rsync':
        return watchByRsync(place);
      case 'compose':
        return watchByCompose(place);
      case 'livepush':
        return watchByLivepush(place);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const watcher of this.watchers.values()) await watcher[Symbol.asyncDispose]();
    for (const project of this.projects.values()) {
      await this.bench.device.docker('rm', '-f', project.app);
      await this.bench.device.docker('rmi', project.app);
      project[Symbol.dispose]();
    }
    rmSync(this.state, { recursive: true, force: true });
  }
}

/** livepush asks /usr/bin/test whether the destination is a folder; where that program is missing it takes it for a file. */
function addTestProgram({ folder }: BenchProject): void {
  const file = join(folder, 'Dockerfile');
  const link = 'RUN mkdir -p /usr/bin && ln -sf /bin/busybox /usr/bin/test';
  writeFileSync(file, readFileSync(file, 'utf8').replace('FROM busybox\n', `FROM busybox\n${link}\n`));
}

/** Round -1 warms every cache and is not counted. */
async function measure(
  lanes: Lanes,
  rounds: number,
  act: (method: Method, project: BenchProject, round: number) => Promise<number>,
): Promise<Samples> {
  const samples: Samples = new Map();
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < lanes.methods.length; turn++) {
      const method = lanes.methods[(turn + round + 1) % lanes.methods.length];
      const project = method === undefined ? undefined : lanes.projects.get(method);
      if (method === undefined || project === undefined) continue;
      for (let turnOfOurs = 0; turnOfOurs < (method.startsWith('rdt') ? OUR_TURNS : 1); turnOfOurs++) {
        const durationMs = await act(method, project, (round + 1) * OUR_TURNS + turnOfOurs);
        await lanes.watchers.get(method)?.settled();
        await delay(150);
        if (round >= 0) samples.set(method, [...(samples.get(method) ?? []), durationMs]);
      }
    }
  }
  return samples;
}

async function readableRows(
  bench: Bench,
  size: typeof SMALL,
  methods: readonly Method[],
  counts: readonly number[],
): Promise<Row[]> {
  await using lanes = new Lanes(bench, methods, size, POLITE);
  await lanes.open();
  const rows: Row[] = [];
  for (const count of counts) {
    const rounds = count === 1 ? bench.rounds : Math.ceil(bench.rounds / 2);
    const samples = await measure(lanes, rounds, (method, project, round) =>
      readableAfter(lanes, method, () => edit(project, count, `${count}/${round}`)),
    );
    rows.push([`${count} of ${size.files.toLocaleString('en')}`, samples]);
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
  console.log(
    `rdt watches ${project.size.files} files after ${median(startedMs).toFixed(0)} ms with ${median(megabytes).toFixed(0)} MB; idle it takes ${(100 * idle).toFixed(2)} % of a processor`,
  );
  const aloneMs = Array.from({ length: rounds }, () => watchAlone(project.folder));
  console.log(
    `the folder alone, without the command and the device, is watched after ${median(aloneMs).toFixed(0)} ms`,
  );
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

/** An image without a shell: only the engine itself can write into its containers. */
async function noShellRow(bench: Bench): Promise<Row[]> {
  const dockerfile = `FROM scratch-app\nWORKDIR ${DESTINATION}\nCOPY . .\n`;
  await using lanes = new Lanes(bench, ['rdt'], SMALL, POLITE, ({ folder }) =>
    writeFileSync(join(folder, 'Dockerfile'), dockerfile),
  );
  await lanes.open();
  const samples = await measure(lanes, bench.rounds, (method, project, round) =>
    readableAfter(lanes, method, () => edit(project, 1, `no shell ${round}`)),
  );
  return [['1 of 1,000, no shell', samples]];
}

async function firstLines(bench: Bench): Promise<Samples> {
  await using lanes = new Lanes(bench, RESTARTING, SMALL, PRINTING);
  await lanes.open();
  return await measure(lanes, bench.rounds, async (method, project, round) => {
    const mark = `line-${round}-`;
    const printed = lanes.watchers.get(method)?.untilPrinted(mark);
    const startMs = performance.now();
    edit(project, 1, mark);
    await printed;
    return performance.now() - startMs;
  });
}

/** The file is put into each container beforehand; what the watch sends is the change of 1 KB in its middle. */
async function bigFile(bench: Bench): Promise<Samples> {
  const content = randomBytes(BIG_BYTES);
  await using lanes = new Lanes(
    bench,
    ['rdt', 'rsync'],
    { files: 100, bytesPerFile: 1_000 },
    POLITE,
    (project) => {
      writeFileSync(join(project.folder, '.dockerignore'), 'big.bin\n');
    },
  );
  await lanes.open(async ({ folder, app }) => {
    writeFileSync(join(folder, 'big.bin'), content);
    await bench.device.docker('cp', '-a', join(folder, 'big.bin'), `${app}:${DESTINATION}/big.bin`);
    await bench.device.docker('exec', app, 'rm', '-f', `${DESTINATION}/.rdt-state`);
  });
  return await measure(lanes, Math.min(bench.rounds, 5), (method, { folder }, round) =>
    readableAfter(lanes, method, () => {
      const bytes = randomBytes(1_024);
      const offset = (BIG_BYTES / 2) | (round * 131_072);
      const handle = openSync(join(folder, 'big.bin'), 'r+');
      writeSync(handle, bytes, 0, bytes.length, offset);
      closeSync(handle);
      return [{ path: 'big.bin', offset, bytes }];
    }),
  );
}

function print(link: LinkName, rows: readonly Row[]): void {
  const header = [`link: ${link} (p50 / p95 ms)`, ...COLUMNS, 'nearest peer:rdt'];
  const lines = rows.map(([name, samples]) => {
    const cell = (method: Method): string => {
      const found = samples.get(method);
      return found === undefined ? '-' : `${median(found).toFixed(0)} / ${percentile(found, 95).toFixed(0)}`;
    };
    const ours = Math.min(
      ...[...samples].filter(([method]) => method.startsWith('rdt')).map(([, all]) => median(all)),
    );
    const theirs = Math.min(
      ...[...samples].filter(([method]) => !method.startsWith('rdt')).map(([, all]) => median(all)),
    );
    const ratio = Number.isFinite(theirs) ? (theirs / ours).toFixed(1) : '-';
    return [name, ...COLUMNS.map(cell), ratio];
  });
  console.log(`${table([header, ...lines])}\n`);
}
