import type { PushSettings } from '../project/settings.js';
import { AppLog } from './app-log.js';
import type { MovingDevice } from './moving-device.js';
import type { WatchDeps } from './watch-deps.js';

/** The output of the app that is watched: one log for each name it has had, so that no line comes twice. */
export class AppLogs implements AsyncDisposable {
  private current: { readonly app: string; readonly log: AppLog } | undefined;

  constructor(
    private readonly deps: Pick<WatchDeps, 'connect' | 'clock' | 'signal' | 'showOutput'>,
    private readonly device: MovingDevice,
    /** False when the user wants no output at all. */
    private readonly isWanted: boolean,
  ) {}

  async of({ appName: app, skipLogs }: PushSettings): Promise<AppLog | undefined> {
    if (this.current?.app !== app || skipLogs) await this[Symbol.asyncDispose]();
    if (!this.isWanted || skipLogs) return undefined;
    this.current ??= { app, log: this.open(app) };
    return this.current.log;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const log = this.current?.log;
    this.current = undefined;
    await log?.[Symbol.asyncDispose]();
  }

  private open(app: string): AppLog {
    const { deps, device } = this;
    const { clock, signal } = deps;
    return new AppLog({
      app,
      connect: async () => (await deps.connect(device.now)).engine,
      clock,
      signal,
      show: (lines) => deps.showOutput(lines),
    });
  }
}
