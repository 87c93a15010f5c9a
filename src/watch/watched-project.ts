import { isDeepStrictEqual } from 'node:util';
import { RdtError } from '../errors.js';
import type { PushSettings } from '../project/settings.js';
import type { PushJob } from '../push/push-job.js';
import { jobOf, type PushRequest, settleProject, type Settled } from '../push/push-project.js';
import { IMPLICIT_TRIGGERS, readTriggers, type TriggerHashes } from '../sync/build-triggers.js';
import type { WatchDeps } from './watch-deps.js';
import type { WatchMemory } from './watch-memory.js';

/** The longest that an app may take to end before it is killed, when nothing else was said: somebody waits for it to start again. */
const GRACE_MS = 200;

/** One version of the project file, and the pushes that it calls for. */
export class WatchedProject {
  private readonly base: PushJob;

  constructor(
    private readonly request: PushRequest,
    private readonly settled: Settled,
    private readonly memory: WatchMemory,
    private readonly deps: WatchDeps,
  ) {
    this.base = jobOf(request, settled.project, settled.settings);
    // Who takes a hash out of the project file wants a build.
    memory.savedTriggers = this.base.savedTriggers ?? memory.savedTriggers;
  }

  get settings(): PushSettings {
    return this.settled.settings;
  }

  /** The push that is due now. Hooks, `--force-build` and `--verify` are for the first one. */
  job(): PushJob {
    const { memory, base } = this;
    const { savedTriggers, isFirstBuildDone } = memory;
    return {
      ...base,
      settings: watchSettings(this.settings, isFirstBuildDone),
      savedTriggers,
      triggersGiven: base.triggersGiven && !isFirstBuildDone,
      forceBuild: base.forceBuild && !isFirstBuildDone,
      verify: base.verify && !isFirstBuildDone,
      buildReasons: memory.buildReasons,
      save: (triggers) => this.save(triggers),
    };
  }

  /** What the project file says now, when that is something else. What is wrong with it is told. */
  async hasChanged(): Promise<boolean> {
    const { memory, settings } = this;
    try {
      const { settings: now, project } = await this.reopen();
      const { savedTriggers } = jobOf(this.request, project, now);
      // One that cannot be a trigger is found here, while there is something to go on with.
      await readTriggers(now.source, now.buildTriggers, this.deps.signal);
      return !isSame(settings, now) || !isDeepStrictEqual(savedTriggers, memory.savedTriggers);
    } catch (error) {
      if (!(error instanceof RdtError)) throw error;
      this.deps.emit({ type: 'project-refused', message: error.message, hint: error.hint });
      return false;
    }
  }

  /** @throws RdtError (usage) for a file that is wrong. */
  async reopen(): Promise<Settled> {
    const { request, deps, settings } = this;
    const quiet = { ...deps, askAppName: undefined, emit: () => undefined };
    // The folder has no other name than the one that was answered.
    const asked = {
      ...request,
      flags: { ...request.flags, appName: request.flags.appName ?? settings.appName },
    };
    const named = await deps.openProject(settings.source);
    return settleProject(named.settings.appName === undefined ? asked : request, settings.source, quiet);
  }

  /** A file that cannot be written now is no reason to stop: the next push writes it. */
  private async save(triggers: TriggerHashes): Promise<void> {
    this.memory.savedTriggers = triggers;
    try {
      await this.base.save(triggers);
    } catch (error) {
      if (!(error instanceof RdtError)) throw error;
      this.deps.emit({ type: 'warning', message: error.message });
    }
  }
}

function watchSettings(settings: PushSettings, isFirstBuildDone: boolean): PushSettings {
  const stopGraceMs = graceOf(settings);
  return isFirstBuildDone
    ? { ...settings, stopGraceMs, before: undefined, after: undefined }
    : { ...settings, stopGraceMs };
}

/** With `process` it is part of the container, which must not be another than that of a push without `--watch`. */
function graceOf({ stopGraceMs, afterSync, origin }: PushSettings): number {
  const isGiven = origin.stopGraceMs !== 'default' || afterSync.kind === 'process';
  return isGiven ? stopGraceMs : Math.min(GRACE_MS, stopGraceMs);
}

/** A push writes triggers into the file that nobody has to name, and a flag into it is no change either. */
const isSame = (a: PushSettings, b: PushSettings): boolean => isDeepStrictEqual(essence(a), essence(b));

const essence = (settings: PushSettings) => ({
  ...settings,
  origin: undefined,
  buildTriggers: new Set([...IMPLICIT_TRIGGERS, ...settings.buildTriggers]),
});
