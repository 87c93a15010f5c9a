import type { Readable, Writable } from 'node:stream';

/**
 * What rdt needs of the container engine of one device. Contract of every method:
 * - `ref` is an id or a name. A missing container/image is `undefined` from `inspect*` and `EngineError` with status 404 elsewhere.
 * - an answer of the engine that says no is an `EngineError` with the engine's own message; a connection that fails or drops is an
 *   `RdtError` with exit code 4 (`unreachable`); an aborted signal rejects with the signal's reason.
 * - nothing is retried.
 */
export interface Engine extends AsyncDisposable {
  /** Where the engine is, for messages: `tcp://10.0.0.5:2375`. */
  readonly description: string;

  ping(signal?: AbortSignal): Promise<void>;
  info(signal?: AbortSignal): Promise<EngineInfo>;
  /** The device's wall clock, milliseconds since 1970, to the second. */
  deviceTimeMs(signal?: AbortSignal): Promise<number>;
  /** Another one after each start of the engine, so after each start of the device; undefined when this engine has nothing that tells. */
  engineRun(signal?: AbortSignal): Promise<string | undefined>;
  listContainers(
    options: { all: boolean; label?: string },
    signal?: AbortSignal,
  ): Promise<ContainerSummary[]>;
  inspectContainer(ref: string, signal?: AbortSignal): Promise<Container | undefined>;
  inspectImage(ref: string, signal?: AbortSignal): Promise<ImageDetails | undefined>;

  /** `HEAD /containers/{id}/archive`: lstat of a path in the container, undefined when it, its parent or the container is missing (HEAD tells no more). Works on stopped containers. */
  statPath(container: string, path: string, signal?: AbortSignal): Promise<PathStat | undefined>;
  /** `GET /containers/{id}/archive`: a tar whose first entry is the path's base name; undefined when the path or the container is missing. */
  getArchive(container: string, path: string, signal?: AbortSignal): Promise<Readable | undefined>;
  /** `PUT /containers/{id}/archive`: unpacks a tar (plain or gzip) below `directory`, which must exist. Resolves when the engine has unpacked all of it. */
  putArchive(
    container: string,
    directory: string,
    tar: Readable | Buffer,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Starts a command in a running container. Aborting the signal cuts the stream; the process sees EOF on its stdin. */
  exec(container: string, options: ExecOptions, signal?: AbortSignal): Promise<ExecSession>;

  startContainer(ref: string, signal?: AbortSignal): Promise<void>;
  /** Asks the app to end, kills it after the grace, and starts it; what does not run is started. Goes on when the connection is lost. */
  restartContainer(ref: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Sends a signal such as `SIGKILL`. Returns false when the container was not running. */
  killContainer(ref: string, signalName: string, signal?: AbortSignal): Promise<boolean>;
  /**
   * Whether the process `pid` of a running container has a handler for the signal of that number, or waits for signals, as the device's own
   * `ps` sees it; undefined when that cannot be told (now, because the process is busy, or at all: the container ended, or
   * the device has no procps).
   */
  listensTo(
    ref: string,
    pid: number,
    signalNumber: number,
    signal?: AbortSignal,
  ): Promise<boolean | undefined>;
  /**
   * Resolves with the exit code: `not-running` at once when it does not run, `next-exit` at the next exit even when the
   * restart policy starts it again, `removed` when it is gone (API 1.30; an older engine answers each of them when the
   * container stays down).
   */
  waitContainer(ref: string, until: ContainerEnd, signal?: AbortSignal): Promise<number>;
  createContainer(name: string, spec: ContainerSpec, signal?: AbortSignal): Promise<string>;
  renameContainer(ref: string, name: string, signal?: AbortSignal): Promise<void>;
  /** `POST /containers/{id}/update` (API 1.22): from the next end of the container, or start of the engine, on. */
  setRestartPolicy(ref: string, policy: ContainerRestart, signal?: AbortSignal): Promise<void>;
  /** Removes a container, killing it when it runs; anonymous volumes of it go too when asked. No error when it is gone. */
  removeContainer(
    ref: string,
    options: { removeAnonymousVolumes: boolean },
    signal?: AbortSignal,
  ): Promise<void>;
  /** Output of a container. With `follow` it ends when the container stops or the signal is aborted (which ends the stream, it does not fail). */
  logs(ref: string, options: LogOptions, signal?: AbortSignal): Promise<LogStream>;
  /**
   * As `logs`, but both outputs in the order of the log and message by message. The batches are read as fast as they are asked for; leaving
   * the loop drops the connection. A connection that is cut fails the loop (exit code 4), an aborted signal rejects with its reason.
   */
  logEntries(ref: string, options: LogOptions, signal?: AbortSignal): Promise<LogEntries>;

  tagImage(ref: string, repository: string, tag: string, signal?: AbortSignal): Promise<void>;
  /**
   * Never forces: an image that a container uses, or that is named by id and has more tags, stays and the answer is false. Named by one of
   * several tags it loses that tag. Also false when it is gone.
   */
  removeImage(ref: string, signal?: AbortSignal): Promise<boolean>;

  /** The volume of that name as it is now. The engine never overwrites one: other labels than the given ones mean that it existed before. */
  createVolume(name: string, labels: Readonly<Record<string, string>>, signal?: AbortSignal): Promise<Volume>;
  listVolumes(label: string, signal?: AbortSignal): Promise<{ volumes: Volume[]; deviceTimeMs: number }>;
  removeVolume(name: string, signal?: AbortSignal): Promise<void>;
}

export interface EngineInfo {
  /** Unique per data root; survives reboots. */
  readonly id: string;
  readonly version: string;
  /** As `uname -m` on the device. */
  readonly architecture: string;
  readonly hostname: string;
  readonly runningContainers: number;
  readonly operatingSystem: string;
}

export interface ContainerSummary {
  readonly id: string;
  /** Without the leading slash. */
  readonly name: string;
  readonly image: string;
  /** `running`, `exited`, `created`, `restarting`, `paused`, `dead`. */
  readonly state: string;
  /** As `docker ps` shows it: `Up 3 minutes`. */
  readonly status: string;
  /** Of the device; each once, whatever its protocol and addresses. */
  readonly publishedPorts: readonly number[];
  readonly labels: Readonly<Record<string, string>>;
}

export interface Container {
  readonly id: string;
  readonly name: string;
  /** Id (`sha256:...`) of the image it was created from. */
  readonly imageId: string;
  /** As `state.startedAt`. */
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: ContainerState;
  /** The image's STOPSIGNAL; `SIGTERM` when it has none. */
  readonly stopSignal: string;
  /** `User` of the config: '' means root; may be a name, `uid`, `uid:gid`. */
  readonly user: string;
  readonly workingDir: string;
  readonly env: readonly string[];
  readonly tty: boolean;
  readonly readonlyRootfs: boolean;
  readonly network: ContainerNetwork;
  readonly restartPolicy: ContainerRestart;
  /** Bind mounts, named and anonymous volumes. */
  readonly mounts: readonly Mount[];
  /** Mount points of tmpfs file systems in the container. */
  readonly tmpfs: readonly string[];
}

export interface ContainerRestart {
  /** `no`, `always`, `unless-stopped`, `on-failure`. */
  readonly name: string;
  /** Of `on-failure`; 0 for no limit. */
  readonly maximumRetries: number;
}

export type ContainerEnd = 'not-running' | 'next-exit' | 'removed';

/** The device's own network, or addresses that the device can reach: none without a network, or with that of another container. */
export type ContainerNetwork =
  | { readonly kind: 'host' }
  | { readonly kind: 'own'; readonly addresses: readonly string[] };

export interface ContainerState {
  readonly status: string;
  readonly running: boolean;
  readonly restarting: boolean;
  readonly paused: boolean;
  readonly exitCode: number;
  /** Of the main process, on the device; 0 when it does not run. */
  readonly pid: number;
  readonly error: string;
  /** RFC 3339 with nanoseconds, on the device's clock. */
  readonly startedAt: string;
  /** End of the last run that has ended, as `startedAt`; undefined when there was none. */
  readonly finishedAt: string | undefined;
  readonly restartCount: number;
}

export interface Mount {
  readonly destination: string;
  /** The folder on the device: two mounts of one source show the same files. */
  readonly source: string;
  readonly type: string;
  readonly writable: boolean;
  /** Name of the volume that is mounted: 64 hex digits for an anonymous one; undefined for a bind. */
  readonly volumeName: string | undefined;
}

export interface Image {
  /** `sha256:...` */
  readonly id: string;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

/** What containers of an image run, when they are not created with something else. */
export interface ImageDetails extends Image {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** As `Container.stopSignal`. */
  readonly stopSignal: string;
  /** Paths of a container that it wants a volume at each, as its Dockerfile has them. */
  readonly volumes: readonly string[];
}

export interface PathStat {
  readonly name: string;
  readonly sizeBytes: number;
  /** Go's `os.FileMode` bits, as the engine sends them. */
  readonly goMode: number;
  /** Target of a symbolic link, '' for anything else. The engine resolves it against the container's root; read it as sent. */
  readonly linkTarget: string;
}

export interface ExecOptions {
  readonly argv: readonly string[];
  readonly env?: readonly string[];
  /** `uid[:gid]` or a name; default is the container's own user. */
  readonly user?: string;
  readonly workingDir?: string;
  readonly terminal?: { readonly columns: number; readonly rows: number };
}

/**
 * A running exec. With a terminal all output is in `stdout`; both outputs must be read (or destroyed) for either to go on.
 * `stdin.end()` is delivered to the process as EOF (on a terminal as Ctrl-D); what the process does not read before it ends is dropped without an error.
 * `exitCode` resolves after both outputs have ended; 126/127 when the engine could not start the program. When the connection
 * is cut, or the signal aborted, outputs, input and `exitCode` all fail with that error (nobody needs to listen to all of them).
 */
export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exitCode: Promise<number>;
  resize(columns: number, rows: number): Promise<void>;
}

/** `HostConfig` and `Config` of `POST /containers/create`, in the engine's own words (API 1.22 to 1.44). */
export interface ContainerSpec {
  readonly Image: string;
  /** Replaces the image's entrypoint, and with it the image's command. */
  readonly Entrypoint?: readonly string[];
  readonly Cmd?: readonly string[];
  readonly Env?: readonly string[];
  readonly Labels: Readonly<Record<string, string>>;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  /** The image's, when it is not given. */
  readonly StopSignal?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>>;
  readonly HostConfig: {
    readonly Privileged?: boolean;
    readonly NetworkMode?: string;
    readonly RestartPolicy?: { readonly Name: string; readonly MaximumRetryCount?: number };
    readonly Binds?: readonly string[];
    readonly PortBindings?: Readonly<Record<string, readonly { HostIp?: string; HostPort: string }[]>>;
    readonly Devices?: readonly { PathOnHost: string; PathInContainer: string; CgroupPermissions: string }[];
  };
}

export interface LogOptions {
  readonly follow: boolean;
  /** Number of last lines; undefined for all. */
  readonly tail?: number;
  /** Unix seconds with fraction, device clock, or RFC 3339. */
  readonly since?: string;
  readonly until?: string;
  /** Prefix each line with its RFC 3339 nanosecond time. */
  readonly timestamps: boolean;
}

/** A container with a terminal has one stream, all in `stdout`. Both must be read (or destroyed) for either to go on. */
export interface LogStream {
  readonly stdout: Readable;
  readonly stderr: Readable;
}

/** Messages of a log. Those of a container with a terminal are not told apart: its entries are pieces of one stream, cut anywhere. */
export interface LogEntries {
  readonly terminal: boolean;
  readonly batches: AsyncIterable<readonly LogEntry[]>;
}

/** A message of a log: a line with its newline, or a piece (16 KB) of a long one. With `timestamps` each piece has a time of its own before it. */
export interface LogEntry {
  readonly stream: 'stdout' | 'stderr';
  readonly bytes: Buffer;
}

export interface Volume {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}
