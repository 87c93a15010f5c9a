import { randomUUID } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { EngineError } from '../../src/transport/engine-error.js';
import type {
  Container,
  ContainerEnd,
  ContainerRestart,
  ContainerSpec,
  ContainerSummary,
  Engine,
  EngineInfo,
  ExecOptions,
  ExecSession,
  Image,
  ImageDetails,
  LogEntries,
  LogEntry,
  LogOptions,
  LogStream,
  PathStat,
  Volume,
} from '../../src/transport/engine.js';
import { packed, unpack } from './fake-archive.js';
import { FakeContainer, type FakeImage } from './fake-container.js';
import { FAKE_DESCRIPTION, FakeDevice, withTag } from './fake-device.js';

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGKILL: 9,
  SIGUSR1: 10,
  SIGUSR2: 12,
  SIGTERM: 15,
};

/**
 * An engine in memory that keeps the contract of `Engine` (test/contract/engine-contract.ts): tiny file trees, scripted programs.
 * Volumes hold no files of their own: a mounted folder is part of its container's tree.
 */
export class FakeEngine extends FakeDevice implements Engine {
  readonly description = FAKE_DESCRIPTION;
  /** Of this start; another one is as if the device had started anew. */
  run: string | undefined = 'run 1';
  private timestamps = 0;

  async ping(signal?: AbortSignal): Promise<void> {
    await this.enter('ping', [], signal);
  }

  async info(signal?: AbortSignal): Promise<EngineInfo> {
    await this.enter('info', [], signal);
    const runningContainers = [...this.containers.values()].filter((container) => container.running).length;
    return {
      id: 'FAKE:ENGINE',
      version: '20.10.24',
      architecture: 'armv7l',
      hostname: 'fake',
      runningContainers,
      operatingSystem: 'fakeOS',
    };
  }

  async deviceTimeMs(signal?: AbortSignal): Promise<number> {
    await this.enter('deviceTimeMs', [], signal);
    return Math.floor(this.now().getTime() / 1_000) * 1_000;
  }

  async engineRun(signal?: AbortSignal): Promise<string | undefined> {
    await this.enter('engineRun', [], signal);
    return this.run;
  }

  async listContainers(
    options: { all: boolean; label?: string },
    signal?: AbortSignal,
  ): Promise<ContainerSummary[]> {
    await this.enter('listContainers', [], signal);
    return [...this.containers.values()]
      .filter((container) => (options.all || container.running) && hasLabel(container.labels, options.label))
      .map((container) => container.summary());
  }

  async inspectContainer(ref: string, signal?: AbortSignal): Promise<Container | undefined> {
    await this.enter('inspectContainer', [ref], signal);
    return this.find(ref)?.describe();
  }

  async inspectImage(ref: string, signal?: AbortSignal): Promise<ImageDetails | undefined> {
    await this.enter('inspectImage', [ref], signal);
    const image = this.findImage(ref);
    if (image === undefined) return undefined;
    const { entrypoint, cmd: command, volumes } = image;
    return { ...toImage(image), entrypoint, command, stopSignal: 'SIGTERM', volumes };
  }

  async statPath(ref: string, path: string, signal?: AbortSignal): Promise<PathStat | undefined> {
    await this.enter('statPath', [ref, path], signal);
    return this.find(ref)?.files.stat(path);
  }

  async getArchive(ref: string, path: string, signal?: AbortSignal): Promise<Readable | undefined> {
    await this.enter('getArchive', [ref, path], signal);
    const node = this.find(ref)?.files.find(path);
    return node && packed(path.split('/').findLast((part) => part !== '') ?? '/', node);
  }

  async putArchive(
    ref: string,
    directory: string,
    tar: Readable | Buffer,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.enter('putArchive', [ref, directory], signal);
    const { files } = this.container(ref);
    const target = files.resolve(directory);
    if (target === undefined)
      throw new EngineError(404, `Could not find the file ${directory} in container ${ref}`);
    if (target.kind !== 'directory') throw new EngineError(400, 'extraction point is not a directory');
    await unpack(files, directory, tar);
  }

  async exec(ref: string, options: ExecOptions, signal?: AbortSignal): Promise<ExecSession> {
    await this.enter('exec', [ref, ...options.argv], signal);
    const container = this.container(ref);
    if (!container.running) throw new EngineError(409, `Container ${container.id} is not running`);
    return container.process(options).session(signal);
  }

  async startContainer(ref: string, signal?: AbortSignal): Promise<void> {
    await this.enter('startContainer', [ref], signal);
    const container = this.container(ref);
    if (!container.restarting) container.start();
  }

  async restartContainer(ref: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    await this.enter('restartContainer', [ref, String(graceSeconds)], signal);
    const container = this.container(ref);
    if (container.restarting) {
      container.restart();
      return;
    }
    await container.kill(SIGNAL_NUMBERS['SIGTERM'] ?? 0, { final: true });
    container.start();
  }

  /** A device without procps. */
  async listensTo(ref: string, pid: number, signalNumber: number, signal?: AbortSignal): Promise<undefined> {
    await this.enter('listensTo', [ref, String(pid), String(signalNumber)], signal);
  }

  async killContainer(ref: string, signalName: string, signal?: AbortSignal): Promise<boolean> {
    await this.enter('killContainer', [ref, signalName], signal);
    const container = this.container(ref);
    if (!container.running && !container.restarting) return false;
    const { StopSignal = signalName } = container.spec;
    const final = container.restarting || [StopSignal, 'SIGKILL'].includes(signalName);
    await container.kill(SIGNAL_NUMBERS[signalName] ?? 0, { final });
    return true;
  }

  async waitContainer(ref: string, until: ContainerEnd, signal?: AbortSignal): Promise<number> {
    await this.enter('waitContainer', [ref, until], signal);
    const container = this.container(ref);
    if (until === 'not-running' && !container.running && !container.restarting) return container.exitCode;
    const end = until === 'removed' ? container.removal() : container.nextExit();
    return Promise.race([end, rejectionOf(signal)]);
  }

  async createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    await this.enter('createContainer', [name], signal);
    const image = this.findImage(spec.Image);
    if (image === undefined) throw new EngineError(404, `No such image: ${spec.Image}`);
    if (this.isTaken(name))
      throw new EngineError(409, `Conflict. The container name "/${name}" is already in use.`);
    const id = randomUUID().replaceAll('-', '');
    this.containers.set(id, new FakeContainer(id, name, spec, image, this.program, () => this.timestamp()));
    return id;
  }

  async renameContainer(ref: string, name: string, signal?: AbortSignal): Promise<void> {
    await this.enter('renameContainer', [ref, name], signal);
    const container = this.container(ref);
    if (this.isTaken(name)) throw new EngineError(409, `Conflict. The name "/${name}" is already in use.`);
    container.name = name;
  }

  async setRestartPolicy(ref: string, policy: ContainerRestart, signal?: AbortSignal): Promise<void> {
    await this.enter('setRestartPolicy', [ref, policy.name], signal);
    this.container(ref).restartPolicy = policy;
  }

  async removeContainer(
    ref: string,
    options: { removeAnonymousVolumes: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    await this.enter('removeContainer', [ref, ...(options.removeAnonymousVolumes ? ['-v'] : [])], signal);
    const container = this.find(ref);
    await container?.kill(9, { final: true });
    if (container === undefined) return;
    this.containers.delete(container.id);
    container.removed();
  }

  async logs(ref: string, options: LogOptions, signal?: AbortSignal): Promise<LogStream> {
    await this.enter('logs', [ref], signal);
    const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
    const end = () => {
      unfollow();
      streams.stdout.end();
      streams.stderr.end();
    };
    let unfollow = () => undefined as unknown;
    unfollow = this.container(ref).follow(options, (line) => {
      if (line === 'ended') end();
      else streams[line.to].write(line.text);
    });
    signal?.addEventListener('abort', end, { once: true });
    return streams;
  }

  async logEntries(ref: string, options: LogOptions, signal?: AbortSignal): Promise<LogEntries> {
    await this.enter('logEntries', [ref, options.since ?? ''], signal);
    const container = this.container(ref);
    if (!container.hasReadableLog)
      throw new EngineError(501, 'configured logging driver does not support reading');
    const entries = new PassThrough({ objectMode: true, highWaterMark: Number.MAX_SAFE_INTEGER });
    const unfollow = container.follow(options, (line) => {
      if (line === 'ended') return void entries.end();
      const time = options.timestamps ? `${line.time} ` : '';
      entries.write([{ stream: line.to, bytes: Buffer.from(`${time}${line.text}`) }]);
    });
    const cut = (error: Error) => void entries.destroy(error);
    this.onCut.add(cut);
    const aborted = () => cut(signal?.reason as Error);
    signal?.addEventListener('abort', aborted, { once: true });
    entries.once('close', () => {
      unfollow();
      this.onCut.delete(cut);
      signal?.removeEventListener('abort', aborted);
    });
    return { terminal: container.describe().tty, batches: entries as AsyncIterable<readonly LogEntry[]> };
  }

  async tagImage(ref: string, repository: string, tag: string, signal?: AbortSignal): Promise<void> {
    await this.enter('tagImage', [ref, repository, tag], signal);
    const image = this.findImage(ref);
    if (image === undefined) throw new EngineError(404, `No such image: ${ref}`);
    const name = `${repository}:${tag}`;
    for (const other of this.images.values()) other.tags = other.tags.filter((known) => known !== name);
    image.tags.push(name);
  }

  async removeImage(ref: string, signal?: AbortSignal): Promise<boolean> {
    await this.enter('removeImage', [ref], signal);
    const image = this.findImage(ref);
    if (image === undefined) return false;
    const byTag = image.tags.includes(withTag(ref));
    if (byTag && image.tags.length > 1) {
      image.tags = image.tags.filter((tag) => tag !== withTag(ref));
      return true;
    }
    const inUse = [...this.containers.values()].some((container) => container.image === image);
    if (inUse || (!byTag && image.tags.length > 1)) return false;
    return this.images.delete(image.id);
  }

  async createVolume(
    name: string,
    labels: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Volume> {
    await this.enter('createVolume', [name], signal);
    const volume = this.volumes.get(name) ?? { name, labels: { ...labels } };
    this.volumes.set(name, volume);
    return volume;
  }

  async listVolumes(
    label: string,
    signal?: AbortSignal,
  ): Promise<{ volumes: Volume[]; deviceTimeMs: number }> {
    await this.enter('listVolumes', [label], signal);
    const volumes = [...this.volumes.values()].filter((volume) => hasLabel(volume.labels, label));
    return { volumes, deviceTimeMs: Math.floor(this.now().getTime() / 1_000) * 1_000 };
  }

  async removeVolume(name: string, signal?: AbortSignal): Promise<void> {
    await this.enter('removeVolume', [name], signal);
    if (!this.volumes.delete(name)) throw new EngineError(404, `get ${name}: no such volume`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const container of this.containers.values()) await container.kill(9, { final: true });
  }

  /** No two are the same, as with a real engine's nanoseconds. */
  private timestamp(): string {
    this.timestamps += 1;
    return this.now()
      .toISOString()
      .replace('Z', `${String(this.timestamps).padStart(6, '0')}Z`);
  }
}

const toImage = ({ id, tags, labels }: FakeImage): Image => ({ id, tags: [...tags], labels });

const hasLabel = (labels: Readonly<Record<string, string>>, filter: string | undefined): boolean => {
  if (filter === undefined) return true;
  const [key = '', ...value] = filter.split('=');
  return value.length === 0 ? key in labels : labels[key] === value.join('=');
};

const rejectionOf = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => {
    const onAbort = () => reject(signal?.reason as Error);
    if (signal?.aborted === true) onAbort();
    else signal?.addEventListener('abort', onAbort, { once: true });
  });
