import type { Device } from '../discovery/device.js';
import type { Clock } from '../runtime.js';
import type { ContainerSummary, Engine } from '../transport/engine.js';
import { chooseApps, type ChooseAppsDeps, type WantedApps } from './choose-apps.js';
import { ContainerLog, type LogRange } from './container-log.js';
import { EngineLink } from './engine-link.js';
import type { LogEvent } from './log-event.js';
import { type LogLine, plainText } from './log-line.js';
import { type LogTime, timeOf } from './log-time.js';
import { mergeByTime } from './merge-lines.js';
import { readLog } from './read-log.js';

/** Lines that belong together in time come within this time, also from different containers. */
const IDLE_MS = 20;
/** Of each container, when its log is followed and nothing else was said. */
const FOLLOWED_TAIL = 100;

export interface LogsRequest {
  /** As typed; undefined for the only device there is. */
  readonly target: string | undefined;
  readonly apps: WantedApps;
  readonly follow: boolean;
  /** Undefined when not said. */
  readonly tail: number | 'all' | undefined;
  readonly since: LogTime | undefined;
  readonly until: LogTime | undefined;
  readonly grep: RegExp | undefined;
}

/** Where lines and events are shown. */
export interface LogView {
  /** Whether it shows times, or needs them otherwise. */
  readonly needsTimes: boolean;
  /** Told before the first line. */
  begin(device: string, apps: readonly string[]): void;
  /** Resolves when there is room for more. */
  show(lines: readonly LogLine[]): Promise<void>;
  note(event: LogEvent): void;
}

export interface ShowLogsDeps extends Omit<ChooseAppsDeps, 'engine'> {
  readonly findDevice: (target: string | undefined) => Promise<Device>;
  readonly connect: (device: Device) => Promise<Engine>;
  readonly clock: Clock;
  readonly view: LogView;
}

/** `rdt logs`: what the containers of a device have printed, and with `follow` what they print until the signal is aborted, which is no failure. */
export async function showLogs(request: LogsRequest, deps: ShowLogsDeps): Promise<void> {
  const device = await deps.findDevice(request.target);
  const engine = await deps.connect(device);
  try {
    const apps = await chooseApps(request.apps, { ...deps, engine });
    const range = await rangeOf(request, engine, deps);
    deps.view.begin(
      device.name,
      apps.map(({ name }) => name),
    );
    const follow = { engine, connect: () => deps.connect(device), range, grep: request.grep };
    if (request.follow)
      await followLogs(
        apps.map(({ name }) => name),
        follow,
        deps,
      );
    else await showOnce(apps, { engine, range, grep: request.grep }, deps);
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}

async function rangeOf(
  { tail, since, until, follow }: LogsRequest,
  engine: Engine,
  { signal }: ShowLogsDeps,
): Promise<LogRange> {
  const relative = since?.kind === 'ago' || until?.kind === 'ago';
  const nowMs = relative ? await engine.deviceTimeMs(signal) : 0;
  const usual = follow && since === undefined ? FOLLOWED_TAIL : undefined;
  return {
    tail: tail === 'all' ? undefined : (tail ?? usual),
    since: since && timeOf(since, nowMs),
    until: until && timeOf(until, nowMs),
  };
}

interface Shown {
  readonly engine: Engine;
  readonly range: LogRange;
  readonly grep: RegExp | undefined;
}

async function showOnce(
  apps: readonly ContainerSummary[],
  { engine, range, grep }: Shown,
  { view, signal }: ShowLogsDeps,
): Promise<void> {
  const timestamps = view.needsTimes || apps.length > 1 || range.until !== undefined;
  const logs = apps.map((app) => readLog(engine, app, { range, timestamps, signal }));
  await showAll(inOrder(logs), grep, view);
}

export interface Followed extends Shown {
  /** The same device again, after its connection was lost. */
  readonly connect: () => Promise<Engine>;
}

export interface FollowDeps {
  readonly clock: Clock;
  readonly view: LogView;
  readonly signal: AbortSignal;
}

/** Shows the logs of the containers of these names until the signal is aborted, whatever happens to containers, device and network meanwhile. */
export async function followLogs(
  apps: readonly string[],
  { engine, connect, range, grep }: Followed,
  { clock, view, signal }: FollowDeps,
): Promise<void> {
  const over = new AbortController();
  const deps = { clock, emit: view.note.bind(view), signal: AbortSignal.any([signal, over.signal]) };
  await using link = new EngineLink(engine, { ...deps, connect });
  const logs = apps.map((app) => new ContainerLog(app, range, deps));
  const idle = () => clock.sleep(IDLE_MS);
  try {
    const backlogs = logs.map((log) => unlessCut(log.backlog(engine), engine, link));
    await showAll(inOrder(backlogs), grep, view);
    await showAll(
      inOrder(
        logs.map((log) => log.live(link)),
        idle,
      ),
      grep,
      view,
    );
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    over.abort();
  }
}

/** What is cut off here comes with the live log. */
async function* unlessCut<T>(batches: AsyncIterable<T>, engine: Engine, link: EngineLink): AsyncGenerator<T> {
  try {
    yield* batches;
  } catch (error) {
    await link.failed(engine, error);
  }
}

function inOrder(
  logs: readonly AsyncIterable<readonly LogLine[]>[],
  idle?: () => Promise<void>,
): AsyncIterable<readonly LogLine[]> {
  const [only] = logs;
  return only !== undefined && logs.length === 1 ? only : mergeByTime(logs, idle);
}

async function showAll(
  batches: AsyncIterable<readonly LogLine[]>,
  grep: RegExp | undefined,
  view: LogView,
): Promise<void> {
  for await (const lines of batches) {
    await view.show(grep === undefined ? lines : lines.filter((line) => grep.test(plainText(line))));
  }
}
