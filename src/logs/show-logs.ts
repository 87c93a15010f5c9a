import type { Device } from '../discovery/device.js';
import type { Clock } from '../runtime.js';
import type { ContainerSummary, Engine } from '../transport/engine.js';
import { chooseApps, type ChooseAppsDeps, namesOfStarted, type WantedApps } from './choose-apps.js';
import type { LogRange } from './container-log.js';
import { type Followed, followLogs } from './follow-logs.js';
import type { Joining } from './followed-apps.js';
import type { LogView } from './log-view.js';
import { type LogTime, timeOf } from './log-time.js';
import { readLog } from './read-log.js';
import type { LogLine } from './log-line.js';
import { inOrder, showAll, type Shown } from './show-lines.js';
import { isGoneContainer, isUnreadableLog } from './unreadable-log.js';

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
    const names = apps.map(({ name }) => name);
    deps.view.begin(device.name, names);
    const shown = { engine, range, grep: request.grep };
    if (!request.follow) await showOnce(apps, shown, request.apps.kind === 'all', deps);
    else await followLogs(names, { ...shown, ...reconnecting(device, request, deps) }, deps);
  } finally {
    await engine[Symbol.asyncDispose]();
  }
}

function reconnecting(
  device: Device,
  { apps }: LogsRequest,
  { connect, view, signal }: ShowLogsDeps,
): Pick<Followed, 'connect' | 'joining'> {
  const joining: Joining = {
    names: (engine) => namesOfStarted(engine, signal),
    onJoin: (names) => view.begin(device.name, names),
  };
  return { connect: () => connect(device), ...(apps.kind === 'all' && { joining }) };
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

async function showOnce(
  apps: readonly ContainerSummary[],
  { engine, range, grep }: Shown,
  isAll: boolean,
  { view, signal }: ShowLogsDeps,
): Promise<void> {
  const timestamps = view.needsTimes || apps.length > 1 || range.until !== undefined;
  const logs = apps.map((app) => {
    const log = readLog(engine, app, { range, timestamps, signal });
    return isAll ? unlessNone(log, app.name, view) : log;
  });
  await showAll(inOrder(logs), grep, view);
}

async function* unlessNone(
  log: AsyncIterable<readonly LogLine[]>,
  app: string,
  view: LogView,
): AsyncGenerator<readonly LogLine[]> {
  try {
    yield* log;
  } catch (error) {
    if (isGoneContainer(error)) return;
    if (!isUnreadableLog(error)) throw error;
    view.note({ type: 'unreadable', app });
  }
}
