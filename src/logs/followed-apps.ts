import type { Engine } from '../transport/engine.js';
import { ContainerLog, type ContainerLogDeps, type LogRange } from './container-log.js';
import type { EngineLink } from './engine-link.js';
import type { LogLine } from './log-line.js';
import type { LineBatches } from './merge-lines.js';

/** Listing costs a small device some milliseconds of its processor. */
const LOOK_EVERY_MS = 2_000;

export interface Joining {
  /** Names of all containers that are to be followed by now. */
  readonly names: (engine: Engine) => Promise<readonly string[]>;
  /** Told before the first line of another one, with all names so far. */
  readonly onJoin: (names: readonly string[]) => void;
}

/** The logs of containers that are followed, and of those that join them. */
export class FollowedApps {
  private readonly logs: Map<string, ContainerLog>;
  private readonly live = new Set<string>();
  private readonly deps: ContainerLogDeps;

  constructor(
    apps: readonly string[],
    private readonly range: LogRange,
    deps: Omit<ContainerLogDeps, 'tellsOldStops' | 'leavesOutUnreadable'>,
    private readonly joining: Joining | undefined,
  ) {
    // Among all containers of a device there are always some that have done their work.
    const isAll = joining !== undefined;
    this.deps = { ...deps, tellsOldStops: !isAll, leavesOutUnreadable: isAll };
    this.logs = new Map(apps.map((app) => [app, new ContainerLog(app, range, this.deps)]));
  }

  /** What there is by now; one for each. */
  backlogs(engine: Engine): AsyncIterable<readonly LogLine[]>[] {
    return [...this.logs.values()].map((log) => log.backlog(engine));
  }

  /** What comes after that; one for each. */
  onward(link: EngineLink): LineBatches[] {
    return [...this.logs.values()].map((log) => this.lifeOf(log, link));
  }

  /** Those that come later, or come back. Undefined when only the given ones are wanted. */
  newcomers(link: EngineLink): AsyncIterable<readonly LineBatches[]> | undefined {
    return this.joining && this.comingIn(link, this.joining);
  }

  private async *lifeOf(log: ContainerLog, link: EngineLink): AsyncGenerator<readonly LogLine[]> {
    this.live.add(log.app);
    // A device may run any number of short-lived ones: where those that come are seen, those that go need not be looked for.
    yield* log.live(link, this.joining === undefined ? 'for-ever' : 'removed');
    this.live.delete(log.app);
  }

  private async *comingIn(link: EngineLink, joining: Joining): AsyncGenerator<readonly LineBatches[]> {
    const { clock, signal } = this.deps;
    for (;;) {
      await clock.sleep(LOOK_EVERY_MS, signal);
      const names = await link.run(joining.names);
      yield names
        .filter((name) => !this.live.has(name))
        .map((name) => this.lifeOf(this.logOf(name, joining), link));
    }
  }

  /** One that comes back goes on where it was. */
  private logOf(name: string, joining: Joining): ContainerLog {
    const known = this.logs.get(name);
    if (known !== undefined) return known;
    const log = new ContainerLog(name, { ...this.range, tail: undefined }, this.deps);
    this.logs.set(name, log);
    this.deps.emit({ type: 'joined', app: name });
    joining.onJoin([...this.logs.keys()]);
    return log;
  }
}
