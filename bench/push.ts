import { LINK_PROFILES, VirtualDevice } from '../test/testbed/virtual-device.js';
import { BenchProject, mergedFolder, POLITE, STUBBORN } from './push-rig.js';
import { median, table, verdict } from './statistics.js';
import { namedIn } from './words.js';

type LinkName = 'none' | keyof typeof LINK_PROFILES;

const LINKS: readonly LinkName[] = ['none', 'lan', 'wifi'];
const SMALL = { files: 1000, bytesPerFile: 10_000 };
const LARGE = { files: 20_000, bytesPerFile: 500 };

/** A new disk for each link: on one where thousands of files were just deleted, ext4 makes all methods wait (see `firstSync`). */
const DISK_MEGABYTES = 8192;

/** The columns: what is measured side by side in each round. */
type Method = 'rsync' | 'original' | 'original+restart' | 'rdt' | 'rdt+restart';
const METHODS: readonly Method[] = ['rsync', 'original', 'original+restart', 'rdt', 'rdt+restart'];

type Samples = Map<Method, number[]>;

interface Bench {
  readonly device: VirtualDevice;
  readonly address: string;
  readonly rounds: number;
}

/** Whole commands, cold processes; every round runs each method once, in rotated order. `words` name links and parts; without any of a kind, all of it. */
export async function benchPush(rounds: number, words: readonly string[]): Promise<void> {
  for (const link of namedIn(words, LINKS)) {
    const profile = link === 'none' ? {} : { link: LINK_PROFILES[link] };
    await using device = await VirtualDevice.up({
      name: `bench-${link}`,
      images: ['busybox'],
      announce: false,
      diskMegabytes: DISK_MEGABYTES,
      ...profile,
    });
    const bench = { device, address: device.linkAddress, rounds };
    const rows: [string, Samples][] = [];
    for (const part of namedIn(words, Object.keys(PARTS))) {
      rows.push(...((await PARTS[part]?.(bench)) ?? []));
      console.error(`${link}: ${rows.length} rows`);
    }
    print(link, rows);
  }
}

type Part = (bench: Bench) => Promise<[string, Samples][]>;

const PARTS: Readonly<Record<string, Part>> = {
  edits: (bench) => edits(bench, SMALL, [0, 1, 100]),
  large: (bench) => edits(bench, LARGE, [1]),
  first: async (bench) => [['first sync, 1,000 files', await firstSync(bench)]],
  rebuild: async (bench) => [['rebuild, RUN 1 s', await rebuild(bench, POLITE)]],
  deaf: async (bench) => [['1 of 1,000, deaf PID 1', await deafApp(bench)]],
};

class Projects implements AsyncDisposable {
  readonly all = new Map<Method, BenchProject>();

  constructor(
    private readonly bench: Bench,
    size: typeof SMALL,
    command: string,
    methods: readonly Method[] = METHODS,
    runSeconds = 0,
  ) {
    for (const method of methods) {
      this.all.set(method, new BenchProject(method.replace('+', '-'), size, command, runSeconds));
    }
  }

  /** Each app is built by rdt itself: the yardsticks sync into a container like ours. */
  build(): void {
    for (const project of this.all.values()) project.rdt(this.bench.address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const project of this.all.values()) {
      await this.bench.device.docker('rm', '-f', project.app);
      await this.bench.device.docker('rmi', project.app);
      project[Symbol.dispose]();
    }
  }
}

async function measure(
  { device, address, rounds }: Bench,
  projects: Projects,
  prepare: (project: BenchProject, round: number) => Promise<void> | void,
  act: typeof run = run,
): Promise<Samples> {
  const samples: Samples = new Map();
  const methods = [...projects.all.keys()];
  // Round -1 warms every cache and is not counted.
  for (let round = -1; round < rounds; round++) {
    for (let turn = 0; turn < methods.length; turn++) {
      const method = methods[(turn + round + 1) % methods.length];
      const project = method === undefined ? undefined : projects.all.get(method);
      if (method === undefined || project === undefined) continue;
      await prepare(project, round + 1);
      const duration = await act(method, project, device, address);
      if (round >= 0) samples.set(method, [...(samples.get(method) ?? []), duration]);
    }
  }
  return samples;
}

async function run(
  method: Method,
  project: BenchProject,
  device: VirtualDevice,
  address: string,
): Promise<number> {
  switch (method) {
    case 'rsync':
      return project.rsync(address, await mergedFolder(device, project.app));
    case 'original':
      return project.original(address);
    case 'original+restart':
      return project.original(address, '--restart');
    case 'rdt':
      return project.rdt(address, '--restart', 'none');
    case 'rdt+restart':
      return project.rdt(address);
  }
}

async function edits(
  bench: Bench,
  size: typeof SMALL,
  counts: readonly number[],
): Promise<[string, Samples][]> {
  await using projects = new Projects(bench, size, POLITE);
  projects.build();
  const rows: [string, Samples][] = [];
  for (const count of counts) {
    const samples = await measure(bench, projects, (project, round) => {
      if (count > 0) project.edit(count, round + 100 * count);
    });
    rows.push([count === 0 ? 'nothing changed' : `${count} of ${size.files.toLocaleString('en')}`, samples]);
  }
  return rows;
}

/**
 * The files of the round before are moved away, not deleted: for a minute ext4 gives out no inode that was just freed, and looks past all
 * of them for each new file (fs/ext4/ialloc.c, `recently_deleted`): 0.6 s for 1,000 files, with any method.
 */
async function firstSync(bench: Bench): Promise<Samples> {
  await using projects = new Projects(bench, SMALL, POLITE);
  projects.build();
  return await measure(bench, projects, async (project, round) => {
    const away = `cd /usr/src/app && mkdir -p /old && mv src /old/${round} && rm -f .rdt-state`;
    await bench.device.docker('exec', project.app, 'sh', '-c', away);
  });
}

async function rebuild(bench: Bench, command: string): Promise<Samples> {
  await using projects = new Projects(bench, SMALL, command, ['original+restart', 'rdt+restart'], 1);
  projects.build();
  const act: typeof run = async (method, project, device, address) =>
    method === 'original+restart' ? project.originalBuild(address) : run(method, project, device, address);
  return await measure(bench, projects, (project) => project.touchTrigger(), act);
}

async function deafApp(bench: Bench): Promise<Samples> {
  const few = { ...bench, rounds: Math.min(bench.rounds, 3) };
  await using projects = new Projects(few, SMALL, STUBBORN, ['original+restart', 'rdt+restart']);
  projects.build();
  return await measure(few, projects, (project, round) => project.edit(1, round));
}

function print(link: LinkName, rows: readonly [string, Samples][]): void {
  const header = [
    `link: ${link}`,
    ...METHODS.map((name) => `${name} ms`),
    'rdt:rsync',
    'rdt:original',
    'both restarting',
  ];
  const lines = rows.map(([name, samples]) => {
    const middle = (method: Method): number => median(samples.get(method) ?? []);
    const ratio = (ours: Method, theirs: Method): string => shown(middle(ours) / middle(theirs), 2);
    return [
      name,
      ...METHODS.map((method) => shown(middle(method), 0)),
      ratio('rdt', 'rsync'),
      ratio('rdt', 'original'),
      ratio('rdt+restart', 'original+restart'),
    ];
  });
  console.log(table([header, ...lines]));
  for (const row of rows) for (const line of targetLines(link, row)) console.log(line);
  console.log();
}

/** Ours : the original, both restarting. */
const TARGETS: readonly (readonly [row: RegExp, ratio: number, links: readonly LinkName[]])[] = [
  [/^1 of 1,000$/, 0.4, LINKS],
  [/^100 of 1,000$/, 0.5, LINKS],
  [/^1 of 20,000$/, 0.4, LINKS],
  [/^first sync/, 0.65, LINKS],
  [/^rebuild/, 0.5, ['wifi']],
  [/deaf PID 1$/, 0.05, LINKS],
];
const NOTHING_CHANGED_MS = 250;

function targetLines(link: LinkName, [name, samples]: readonly [string, Samples]): string[] {
  const middle = (method: Method): number => median(samples.get(method) ?? []);
  const lines = TARGETS.filter(([row, , links]) => row.test(name) && links.includes(link)).map(([, ratio]) =>
    verdict(`${name}, to the original`, middle('rdt+restart') / middle('original+restart'), 'x', ratio, 2),
  );
  if (samples.has('rsync'))
    lines.push(verdict(`${name}, to rsync`, middle('rdt') / middle('rsync'), 'x', 1, 2));
  if (name === 'nothing changed') lines.push(verdict(name, middle('rdt'), 'ms', NOTHING_CHANGED_MS));
  return lines;
}

const shown = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : value.toFixed(digits));
