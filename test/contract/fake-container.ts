import { posix } from 'node:path';
import type {
  Container,
  ContainerRestart,
  ContainerSpec,
  ContainerSummary,
  ExecOptions,
  LogOptions,
} from '../../src/transport/engine.js';
import type { FakeFileTree } from './fake-file-tree.js';
import { type FakeProgram, RunningProcess } from './fake-process.js';

export interface FakeImage {
  readonly id: string;
  tags: string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly files: FakeFileTree;
  readonly user: string;
  readonly workingDir: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly volumes: readonly string[];
}

/** A program that ends at once would keep the test process busy for ever. */
const MOST_RESTARTS = 5;
/** Before the first restart; as with a real engine, each next one is twice as long. */
const RESTART_PAUSE_MS = 5;

interface LogLine {
  readonly to: 'stdout' | 'stderr';
  readonly text: string;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
}

type LogListener = (line: LogLine | 'ended') => void;

/** A container with files, a main program, its log, and the engine's restart policy. */
export class FakeContainer {
  readonly files: FakeFileTree;
  readonly createdAt: string;
  restartPolicy: ContainerRestart;
  running = false;
  /** False with a log driver that only writes. */
  hasReadableLog = true;
  exitCode = 0;
  restartCount = 0;
  startedAt = '0001-01-01T00:00:00Z';
  finishedAt: string | undefined;
  private main: RunningProcess | undefined;
  private readonly logLines: LogLine[] = [];
  private readonly listeners = new Set<LogListener>();
  private readonly removalWaiters = new Set<(exitCode: number) => void>();
  private readonly exitWaiters = new Set<(exitCode: number) => void>();
  private stoppedByUs = false;
  private pause: NodeJS.Timeout | undefined;

  constructor(
    readonly id: string,
    public name: string,
    readonly spec: ContainerSpec,
    readonly image: FakeImage,
    private readonly program: FakeProgram,
    /** RFC 3339 to the nanosecond. */
    private readonly now: () => string,
  ) {
    this.files = image.files.copy();
    this.files.mountPoints = (spec.HostConfig.Binds ?? []).map((bind) => toMount(bind).destination);
    const { Name = 'no', MaximumRetryCount = 0 } = spec.HostConfig.RestartPolicy ?? {};
    this.restartPolicy = { name: Name, maximumRetries: MaximumRetryCount };
    this.createdAt = this.now();
  }

  start(): void {
    if (this.running) return;
    this.endPause();
    this.running = true;
    this.stoppedByUs = false;
    this.startedAt = this.now();
    const terminal = this.spec.Tty === true && { terminal: { columns: 80, rows: 24 } };
    const main = this.process({ argv: this.command, ...terminal });
    this.main = main;
    for (const to of ['stdout', 'stderr'] as const) {
      main[to].on('data', (chunk: Buffer) => this.log(to, chunk.toString('utf8')));
    }
    void main.exitCode.then((exitCode) => this.exited(main, exitCode));
  }

  process({ argv, env = [], user, workingDir, terminal }: ExecOptions): RunningProcess {
    return new RunningProcess(this.program, {
      argv,
      terminal: terminal !== undefined,
      env: [...(this.spec.Env ?? []), ...env],
      workingDir: workingDir ?? this.image.workingDir,
      user: user ?? this.image.user,
      files: this.files,
    });
  }

  /** It waits for the engine to start it again. */
  get restarting(): boolean {
    return this.pause !== undefined;
  }

  /** The new start resets the exit code before those who wait for it have read it: with a real engine at times, here always. */
  restart(): void {
    this.exitCode = 0;
    this.restartCount = 0;
    this.start();
    this.answerWaits();
  }

  /** Kills the main program and waits for its end; `final` keeps the restart policy from starting it again. */
  async kill(signalNumber: number, { final }: { final: boolean }): Promise<void> {
    if (final) this.endPause();
    if (!this.running) return;
    this.stoppedByUs = final;
    const exit = this.nextExit();
    this.main?.kill(signalNumber);
    await exit;
  }

  /** Resolves with the exit code when the engine has told that it is gone. */
  removal(): Promise<number> {
    return new Promise((resolve) => this.removalWaiters.add(resolve));
  }

  removed(): void {
    for (const resolve of this.removalWaiters) resolve(this.exitCode);
  }

  nextExit(): Promise<number> {
    return new Promise((resolve) => this.exitWaiters.add(resolve));
  }

  log(to: LogLine['to'], text: string, time = this.now()): void {
    for (const part of text.split(/(?<=\n)/)) {
      const line = { to, text: part, time };
      this.logLines.push(line);
      for (const listener of this.listeners) listener(line);
    }
  }

  /** Past lines at once and, with `follow`, new ones until the container stops or the returned function is called. */
  follow({ follow, tail, since = '' }: LogOptions, listener: LogListener): () => void {
    const wanted = this.logLines.filter(({ time }) => time >= since);
    const past = tail === undefined ? wanted : wanted.slice(Math.max(0, wanted.length - tail));
    for (const line of past) listener(line);
    if (!follow || !this.running) listener('ended');
    else this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  describe(): Container {
    const { spec, image } = this;
    return {
      id: this.id,
      name: this.name,
      imageId: image.id,
      createdAt: this.createdAt,
      labels: this.labels,
      state: {
        status: this.status,
        running: this.running || this.restarting,
        restarting: this.restarting,
        paused: false,
        exitCode: this.exitCode,
        pid: this.running ? 4711 : 0,
        error: '',
        startedAt: this.startedAt,
        finishedAt: this.finishedAt,
        restartCount: this.restartCount,
      },
      stopSignal: spec.StopSignal ?? 'SIGTERM',
      user: image.user,
      workingDir: image.workingDir,
      env: spec.Env ?? [],
      tty: spec.Tty ?? false,
      readonlyRootfs: false,
      network:
        spec.HostConfig.NetworkMode === 'host'
          ? { kind: 'host' }
          : { kind: 'own', addresses: this.running ? ['172.17.0.2'] : [] },
      restartPolicy: this.restartPolicy,
      mounts: (spec.HostConfig.Binds ?? []).map(toMount),
      tmpfs: [],
    };
  }

  summary(): ContainerSummary {
    const state = this.status;
    const status = this.running ? 'Up 1 second' : `Exited (${this.exitCode}) 1 second ago`;
    const { id, name, labels } = this;
    const bindings = this.running ? Object.values(this.spec.HostConfig.PortBindings ?? {}).flat() : [];
    const publishedPorts = [...new Set(bindings.map(({ HostPort }) => Number(HostPort)))];
    return { id, name, image: this.spec.Image, state, status, publishedPorts, labels };
  }

  /** An entrypoint of the spec makes the engine forget the image's command. */
  private get command(): readonly string[] {
    const { Entrypoint, Cmd } = this.spec;
    if (Entrypoint !== undefined) return [...Entrypoint, ...(Cmd ?? [])];
    return [...this.image.entrypoint, ...(Cmd ?? this.image.cmd)];
  }

  get labels(): Readonly<Record<string, string>> {
    return { ...this.image.labels, ...this.spec.Labels };
  }

  private get status(): string {
    if (this.running) return 'running';
    if (this.restarting) return 'restarting';
    return this.main === undefined ? 'created' : 'exited';
  }

  private exited(main: RunningProcess, exitCode: number): void {
    if (this.main !== main) return;
    this.running = false;
    this.exitCode = exitCode;
    this.finishedAt = this.now();
    for (const listener of this.listeners) listener('ended');
    this.listeners.clear();
    this.answerWaits();
    if (this.stoppedByUs || this.restartPolicy.name !== 'always') return;
    if (this.restartCount === MOST_RESTARTS) return;
    this.pause = setTimeout(() => this.start(), RESTART_PAUSE_MS * 2 ** this.restartCount);
    this.restartCount += 1;
  }

  private answerWaits(): void {
    for (const waiter of this.exitWaiters) waiter(this.exitCode);
    this.exitWaiters.clear();
  }

  private endPause(): void {
    clearTimeout(this.pause);
    this.pause = undefined;
  }
}

const toMount = (bind: string): Container['mounts'][number] => {
  const [source = '', destination = '', options = ''] = bind.split(':');
  return {
    destination: posix.normalize(destination),
    source: source.startsWith('/') ? source : `/var/lib/docker/volumes/${source}/_data`,
    type: source.startsWith('/') ? 'bind' : 'volume',
    writable: !options.split(',').includes('ro'),
    volumeName: source.startsWith('/') ? undefined : source,
  };
};
