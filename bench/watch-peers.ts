import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { pack } from 'tar-stream';
import { engineOverTcp } from '../src/wiring/transport.js';
import { NO_EXTRA_CERTIFICATES } from './push-rig.js';
import { DESTINATION } from './watch-rig.js';

/** Something that keeps a container in step with a folder until it is disposed of. */
export interface Watching extends AsyncDisposable {
  /** For memory. */
  readonly pid: number | undefined;
  /** Resolves when the app prints a line that has this word in it, after the restart that the method makes. */
  untilPrinted(word: string): Promise<void>;
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>;
}

export interface Place {
  readonly folder: string;
  readonly address: string;
  readonly app: string;
  /** The container's root on the device. */
  readonly merged: string;
  /** Restart the app after each sync. */
  readonly restarts: boolean;
}

const RDT = process.env['RDT_BIN'] ?? fileURLToPath(new URL('../bin/rdt.js', import.meta.url));
const CACHE = fileURLToPath(new URL('../.cache/bench', import.meta.url));
/** Installed for this bench only: no dependency of ours. */
const LIVEPUSH = 'livepush';
/** What balena-cli waits after the last event before it hands a batch to livepush. */
const LIVEPUSH_DEBOUNCE_MS = 2_000;
/** docker/compose, pkg/watch: QuietPeriod. */
const COMPOSE_DEBOUNCE_MS = 500;
const SSH = [
  '-p',
  '22222',
  '-o',
  'LogLevel=ERROR',
  '-o',
  'StrictHostKeyChecking=no',
  '-o',
  'UserKnownHostsFile=/dev/null',
];

/** Lines of several outputs, for whoever waits for one. */
class Lines {
  private readonly hearers = new Set<(line: string) => void>();

  listen(child: ChildProcess): void {
    for (const output of [child.stdout, child.stderr])
      if (output !== null)
        createInterface({ input: output }).on('line', (line) => {
          for (const hear of [...this.hearers]) hear(line);
        });
  }

  until(isIt: (line: string) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const hear = (line: string): void => {
        if (!isIt(line)) return;
        this.hearers.delete(hear);
        resolve();
      };
      this.hearers.add(hear);
    });
  }
}

export async function watchByRdt(
  { folder, address, app }: Place,
  restart: string,
  state: string,
): Promise<Watching> {
  const args = [RDT, 'push', address, '--app-name', app, '--watch', '--json', '--restart', restart];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: { ...process.env, ...NO_EXTRA_CERTIFICATES, RDT_STATE_DIR: state },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = new Lines();
  lines.listen(child);
  const failed = once(child, 'close').then(() => {
    throw new Error(`rdt push --watch ended with ${child.exitCode ?? 'a signal'}`);
  });
  // From then on it is ended by us.
  failed.catch(() => undefined);
  await Promise.race([lines.until((line) => line.startsWith('{"type":"watching"')), failed]);
  let batch = lines.until((line) => line.startsWith('{"type":"batch"'));
  return {
    pid: child.pid,
    untilPrinted: (word) => lines.until((line) => line.startsWith('{"type":"output"') && line.includes(word)),
    settled: async () => {
      await batch;
      batch = lines.until((line) => line.startsWith('{"type":"batch"'));
    },
    [Symbol.asyncDispose]: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGINT');
  await once(child, 'close');
}

/** Events of a folder by inotifywait, gathered until it has been quiet for `quietMs`; one batch at a time. */
class EventBatches implements AsyncDisposable {
  private readonly changed = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private readonly child: ChildProcess;

  constructor(
    folder: string,
    private readonly quietMs: number,
    private readonly sync: (paths: readonly string[]) => Promise<void>,
  ) {
    const events = 'close_write,create,delete,move';
    const args = ['-m', '-r', '-q', '-e', events, '--format', '%w%f', folder];
    this.child = spawn('inotifywait', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    if (this.child.stdout !== null)
      createInterface({ input: this.child.stdout }).on('line', (line) =>
        this.hear(line.slice(folder.length + 1)),
      );
  }

  async settled(): Promise<void> {
    while (this.timer !== undefined || this.running !== undefined)
      await (this.running ?? new Promise((resolve) => setTimeout(resolve, 20)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill();
    await this.settled();
  }

  private hear(path: string): void {
    this.changed.add(path);
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.begin(), this.quietMs);
  }

  private begin(): void {
    this.timer = undefined;
    if (this.running !== undefined) return;
    const paths = [...this.changed];
    this.changed.clear();
    this.running = this.sync(paths)
      .catch((error: unknown) => console.error(error))
      .finally(() => {
        this.running = undefined;
        if (this.changed.size > 0 && this.timer === undefined) this.begin();
      });
  }
}

/** The app's log, as `docker logs --follow` shows it after each restart. */
function followed({ address, app }: Place): (word: string) => Promise<void> {
  return async (word) => {
    const lines = new Lines();
    const found = lines.until((line) => line.includes(word));
    let child: ChildProcess | undefined;
    let isOver = false;
    const follow = (): void => {
      child = spawn('docker', ['-H', `tcp://${address}:2375`, 'logs', '--follow', '--tail', '5', app], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      lines.listen(child);
      child.once('close', () => isOver || follow());
    };
    follow();
    await found;
    isOver = true;
    child?.kill();
  };
}

/** rsync over an ssh connection that is kept open, started at the first event; then kill and start, the quickest restart there is. */
export async function watchByRsync(place: Place): Promise<Watching> {
  const { folder, address, app, merged, restarts } = place;
  const control = mkdtempSync(join(tmpdir(), 'rdt-bench-ssh-'));
  const ssh = ['ssh', ...SSH, '-o', `ControlPath=${control}/s`];
  spawnSync(ssh[0] ?? '', [
    ...ssh.slice(1),
    '-o',
    'ControlMaster=yes',
    '-o',
    'ControlPersist=600',
    `root@${address}`,
    'true',
  ]);
  const target = `root@${address}:${merged}${DESTINATION}/`;
  const engine = engineOverTcp({ host: address, port: 2375, apiVersion: '1.41' });
  const batches = new EventBatches(folder, 0, async () => {
    await run('rsync', [
      '-a',
      // By whole seconds, its default, it misses a second edit within the same one.
      '--modify-window=-1',
      '--delete',
      '--exclude',
      '.rdt-*',
      '--exclude',
      '.resin-sync.yml',
      `--rsh=${ssh.join(' ')}`,
      `${folder}/`,
      target,
    ]);
    if (restarts) await killAndStart(engine, app);
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  return {
    pid: undefined,
    untilPrinted: followed(place),
    settled: () => batches.settled(),
    [Symbol.asyncDispose]: async () => {
      await batches[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      spawnSync(ssh[0] ?? '', [...ssh.slice(1), '-O', 'exit', `root@${address}`], { stdio: 'ignore' });
      rmSync(control, { recursive: true, force: true });
    },
  };
}

async function killAndStart(engine: ReturnType<typeof engineOverTcp>, app: string): Promise<void> {
  await engine.killContainer(app, 'SIGKILL');
  await engine.startContainer(app);
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ended with ${code ?? 'a signal'}`);
}

/** compose watch: half a second of quiet, then the changed files as one archive; deletions do not occur in these benches. */
export async function watchByCompose(place: Place): Promise<Watching> {
  const { folder, address, app, restarts } = place;
  const engine = engineOverTcp({ host: address, port: 2375, apiVersion: '1.41' });
  const batches = new EventBatches(folder, COMPOSE_DEBOUNCE_MS, async (paths) => {
    const tar = pack();
    void (async () => {
      for (const path of paths) {
        const stats = statSync(join(folder, path));
        if (!stats.isFile()) continue;
        const bytes = readFileSync(join(folder, path));
        const header = {
          name: `${DESTINATION}/${path}`.slice(1),
          mode: stats.mode & 0o7777,
          size: bytes.length,
        };
        await new Promise((resolve) => tar.entry(header, bytes, resolve));
      }
      tar.finalize();
    })();
    await engine.putArchive(app, '/', tar as never);
    if (restarts) await killAndStart(engine, app);
  });
  await new Promise((resolve) => setTimeout(resolve, 500));
  return {
    pid: undefined,
    untilPrinted: followed(place),
    settled: () => batches.settled(),
    [Symbol.asyncDispose]: async () => {
      await batches[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
    },
  };
}

interface LivepushPackage {
  default: {
    init(options: object): Promise<{ performLivepush(changed: string[], deleted: string[]): Promise<void> }>;
  };
}

/** The npm package that balena-cli uses, with the debounce that balena-cli puts before it. Installed for the bench only. */
export async function watchByLivepush(place: Place): Promise<Watching> {
  const { folder, address, app, restarts } = place;
  installLivepush();
  const require = createRequire(join(CACHE, 'package.json'));
  const { default: Livepush } = require(LIVEPUSH) as LivepushPackage;
  const Dockerode = require('dockerode') as new (options: object) => unknown;
  const docker = new Dockerode({ host: address, port: 2375 });
  const engine = engineOverTcp({ host: address, port: 2375, apiVersion: '1.41' });
  const container = await engine.inspectContainer(app);
  await engine[Symbol.asyncDispose]();
  const livepush = await Livepush.init({
    dockerfileContent: readFileSync(join(folder, 'Dockerfile')),
    context: folder,
    containerId: container?.id,
    stageImages: [],
    docker,
    skipContainerRestart: !restarts,
  });
  const batches = new EventBatches(folder, LIVEPUSH_DEBOUNCE_MS, (paths) =>
    livepush.performLivepush([...paths], []),
  );
  await new Promise((resolve) => setTimeout(resolve, 500));
  return {
    pid: undefined,
    untilPrinted: followed(place),
    settled: () => batches.settled(),
    [Symbol.asyncDispose]: () => batches[Symbol.asyncDispose](),
  };
}

function installLivepush(): void {
  if (existsSync(join(CACHE, 'node_modules', LIVEPUSH))) return;
  const args = ['install', '--silent', '--no-audit', '--no-fund', '--prefix', CACHE, `${LIVEPUSH}@3.5.4`];
  const { status } = spawnSync('npm', args, { stdio: 'inherit' });
  if (status !== 0) throw new Error('livepush could not be installed');
}
