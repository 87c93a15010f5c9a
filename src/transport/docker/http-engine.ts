import type { Readable } from 'node:stream';
import { EngineError, isNotRunning } from '../engine-error.js';
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
  ImageDetails,
  LogEntries,
  LogOptions,
  LogStream,
  PathStat,
  Volume,
} from '../engine.js';
import type { DockerodeClient } from './dockerode-client.js';
import {
  toListening,
  toContainer,
  toContainerSummary,
  toEngineInfo,
  toImageDetails,
  toPathStat,
  toVolume,
} from './engine-answers.js';
import { EngineCalls, drain, inPath, jsonBody } from './engine-calls.js';
import type { EngineHttp } from './engine-http.js';
import { openExec } from './open-exec.js';
import { openLogEntries } from './open-log-entries.js';
import { openLogs } from './open-logs.js';

/** How long an engine may be silent before the device counts as unreachable. */
export interface EnginePatience {
  /** An answer that takes it no work. */
  readonly pingMs: number;
  /** One that it looks up. */
  readonly lookUpMs: number;
  /** One that it has to work for, on a slow card; while bytes move the time starts again. */
  readonly workMs: number;
}

const MS_PER_SECOND = 1_000;

const PATIENCE: EnginePatience = { pingMs: 2_000, lookUpMs: 10_000, workMs: 120_000 };

type Signal = AbortSignal | undefined;

/**
 * The engine by raw HTTP for all that a sync needs, so that it loads no library; dockerode, 112 ms to import, for
 * what only a rebuild does (docs/decisions/0002-raw-http-on-the-hot-path.md).
 */
export class HttpEngine implements Engine {
  readonly description: string;
  private readonly calls: EngineCalls;
  private dockerode: Promise<DockerodeClient> | undefined;

  /** Owns `http` from here on, and disposes of it. */
  constructor(
    readonly http: EngineHttp,
    private readonly patience: EnginePatience = PATIENCE,
  ) {
    this.description = http.description;
    this.calls = new EngineCalls(http);
  }

  async ping(signal?: AbortSignal): Promise<void> {
    await this.calls.status({ method: 'GET', path: '/_ping', signal, silenceMs: this.patience.pingMs });
  }

  async info(signal?: AbortSignal): Promise<EngineInfo> {
    return toEngineInfo(await this.calls.object(this.lookUp('/info', signal)));
  }

  async deviceTimeMs(signal?: AbortSignal): Promise<number> {
    const asked = { method: 'GET', path: '/_ping', signal, silenceMs: this.patience.pingMs } as const;
    const answer = await this.calls.http.requestOk(asked);
    await drain(answer.body);
    return Date.parse(answer.headers.date ?? '');
  }

  /** moby makes the network `bridge` anew whenever it starts (daemon/daemon_unix.go, `initNetworkController`), unless it was told to have none. */
  async engineRun(signal?: AbortSignal): Promise<string | undefined> {
    const network = await this.calls.objectIfFound(this.lookUp('/networks/bridge', signal));
    return network?.text('Id');
  }

  async listContainers(
    options: { all: boolean; label?: string },
    signal?: AbortSignal,
  ): Promise<ContainerSummary[]> {
    const query = { all: options.all, filters: labelFilter(options.label) };
    const containers = await this.calls.list({ ...this.lookUp('/containers/json', signal), query });
    return containers.map(toContainerSummary);
  }

  async inspectContainer(ref: string, signal?: AbortSignal): Promise<Container | undefined> {
    const found = await this.calls.objectIfFound(this.lookUp(`/containers/${inPath(ref)}/json`, signal));
    return found === undefined ? undefined : toContainer(found);
  }

  async inspectImage(ref: string, signal?: AbortSignal): Promise<ImageDetails | undefined> {
    const found = await this.calls.objectIfFound(this.lookUp(`/images/${inPath(ref)}/json`, signal));
    return found === undefined ? undefined : toImageDetails(found);
  }

  async statPath(container: string, path: string, signal?: AbortSignal): Promise<PathStat | undefined> {
    const asked = this.lookUp(`/containers/${inPath(container)}/archive`, signal);
    const asking = this.calls.unless404({ ...asked, method: 'HEAD', query: { path } });
    const answer = await asking.catch(async (error: unknown) => {
      throw await this.reasonOf(error, container, path, signal);
    });
    if (answer === undefined) return undefined;
    await drain(answer.body);
    const header = answer.headers['x-docker-container-path-stat'];
    if (typeof header !== 'string')
      throw new EngineError(answer.status, `No state of ${path} in the answer.`);
    return toPathStat(header);
  }

  /** Why a state is refused: a `HEAD` has no room for words, and what refuses it refuses the archive too. */
  private async reasonOf(
    error: unknown,
    container: string,
    path: string,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    if (!(error instanceof EngineError)) return error;
    try {
      (await this.getArchive(container, path, signal))?.destroy();
      return error;
    } catch (reason) {
      return reason;
    }
  }

  async getArchive(container: string, path: string, signal?: AbortSignal): Promise<Readable | undefined> {
    const asked = this.work('GET', `/containers/${inPath(container)}/archive`, signal);
    return (await this.calls.unless404({ ...asked, query: { path } }))?.body;
  }

  async putArchive(
    container: string,
    directory: string,
    tar: Readable | Buffer,
    signal?: AbortSignal,
  ): Promise<void> {
    await this.calls.status({
      ...this.work('PUT', `/containers/${inPath(container)}/archive`, signal),
      query: { path: directory },
      headers: { 'Content-Type': 'application/x-tar' },
      body: tar,
    });
  }

  exec(container: string, options: ExecOptions, signal?: AbortSignal): Promise<ExecSession> {
    return openExec(this.calls, container, options, { silenceMs: this.patience.workMs, signal });
  }

  async startContainer(ref: string, signal?: AbortSignal): Promise<void> {
    await this.calls.status(this.work('POST', `/containers/${inPath(ref)}/start`, signal));
  }

  async restartContainer(ref: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const asked = this.work('POST', `/containers/${inPath(ref)}/restart`, signal);
    const silenceMs = asked.silenceMs + graceSeconds * MS_PER_SECOND;
    await this.calls.status({ ...asked, query: { t: String(graceSeconds) }, silenceMs });
  }

  async listensTo(
    ref: string,
    pid: number,
    signalNumber: number,
    signal?: AbortSignal,
  ): Promise<boolean | undefined> {
    const query = { ps_args: '-eo pid,caught,blocked,wchan:32' };
    try {
      const asked = this.lookUp(`/containers/${inPath(ref)}/top`, signal);
      return toListening(await this.calls.object({ ...asked, query }), pid, signalNumber);
    } catch (error) {
      // The engine passes on that its ps does not know these columns, or that the container has ended.
      if (error instanceof EngineError) return undefined;
      throw error;
    }
  }

  async killContainer(ref: string, signalName: string, signal?: AbortSignal): Promise<boolean> {
    const asked = this.work('POST', `/containers/${inPath(ref)}/kill`, signal);
    try {
      await this.calls.status({ ...asked, query: { signal: signalName } });
      return true;
    } catch (error) {
      // "Not running" is 409, but 500 in engines before 17.05: the container itself tells.
      if (!(error instanceof EngineError) || error.status === 404) throw error;
      if (isNotRunning(error)) return false;
      const container = await this.inspectContainer(ref, signal);
      if (container?.state.running === true) throw error;
      return false;
    }
  }

  async waitContainer(ref: string, until: ContainerEnd, signal?: AbortSignal): Promise<number> {
    const path = `/containers/${inPath(ref)}/wait`;
    const answer = await this.calls.object({ method: 'POST', path, query: { condition: until }, signal });
    return answer.number('StatusCode');
  }

  logs(ref: string, options: LogOptions, signal?: AbortSignal): Promise<LogStream> {
    return openLogs(this.calls, ref, options, this.logCircumstances(ref, options, signal));
  }

  logEntries(ref: string, options: LogOptions, signal?: AbortSignal): Promise<LogEntries> {
    return openLogEntries(this.calls, ref, options, this.logCircumstances(ref, options, signal));
  }

  async createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string> {
    return (await this.client()).createContainer(name, spec, signal);
  }

  async renameContainer(ref: string, name: string, signal?: AbortSignal): Promise<void> {
    await (await this.client()).renameContainer(ref, name, signal);
  }

  async setRestartPolicy(
    ref: string,
    { name, maximumRetries }: ContainerRestart,
    signal?: AbortSignal,
  ): Promise<void> {
    const body = jsonBody({ RestartPolicy: { Name: name, MaximumRetryCount: maximumRetries } });
    await this.calls.status({ ...this.work('POST', `/containers/${inPath(ref)}/update`, signal), ...body });
  }

  async removeContainer(
    ref: string,
    options: { removeAnonymousVolumes: boolean },
    signal?: AbortSignal,
  ): Promise<void> {
    await (await this.client()).removeContainer(ref, options, signal);
  }

  async tagImage(ref: string, repository: string, tag: string, signal?: AbortSignal): Promise<void> {
    await (await this.client()).tagImage(ref, repository, tag, signal);
  }

  async removeImage(ref: string, signal?: AbortSignal): Promise<boolean> {
    try {
      return await (await this.client()).removeImage(ref, signal);
    } catch (error) {
      // One that somebody else removes at the same moment is 500, "unrecognized image ID".
      if (!(error instanceof EngineError) || (await this.inspectImage(ref, signal)) !== undefined)
        throw error;
      return false;
    }
  }

  async createVolume(
    name: string,
    labels: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<Volume> {
    const body = jsonBody({ Name: name, Labels: labels });
    return toVolume(await this.calls.object({ ...this.work('POST', '/volumes/create', signal), ...body }));
  }

  async listVolumes(
    label: string,
    signal?: AbortSignal,
  ): Promise<{ volumes: Volume[]; deviceTimeMs: number }> {
    const asked = { ...this.lookUp('/volumes', signal), query: { filters: labelFilter(label) } };
    const { answer, headers } = await this.calls.objectWithHeaders(asked);
    return { volumes: answer.list('Volumes').map(toVolume), deviceTimeMs: Date.parse(headers.date ?? '') };
  }

  async removeVolume(name: string, signal?: AbortSignal): Promise<void> {
    await this.calls.status(this.work('DELETE', `/volumes/${inPath(name)}`, signal));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.http[Symbol.asyncDispose]();
  }

  private logCircumstances(ref: string, { follow }: LogOptions, signal: Signal) {
    return {
      silenceMs: follow ? undefined : this.patience.workMs,
      isTerminal: async () => (await this.inspectContainer(ref, signal))?.tty ?? false,
      signal,
    };
  }

  private lookUp(path: string, signal: Signal) {
    return { method: 'GET', path, signal, silenceMs: this.patience.lookUpMs } as const;
  }

  private work<M extends 'GET' | 'POST' | 'PUT' | 'DELETE'>(method: M, path: string, signal: Signal) {
    return { method, path, signal, silenceMs: this.patience.workMs } as const;
  }

  private client(): Promise<DockerodeClient> {
    this.dockerode ??= import('./dockerode-client.js').then(
      ({ DockerodeClient }) => new DockerodeClient(this.http, this.patience.workMs),
    );
    return this.dockerode;
  }
}

const labelFilter = (label: string | undefined): string | undefined =>
  label === undefined ? undefined : JSON.stringify({ label: [label] });
