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
  /** What the project file said last, as far as it was right. */
  private latest: Settled;
  /** The hashes that the project file has, as far as we know. */
  private inFile: TriggerHashes | undefined;

  constructor(
    private readonly request: PushRequest,
    private readonly settled: Settled,
    private readonly memory: WatchMemory,
    private readonly deps: WatchDeps,
  ) {
    this.latest = settled;
    this.base = jobOf(request, settled.project, settled.settings);
    // Who takes a hash out of the project file wants a build.
    memory.savedTriggers = this.base.savedTriggers ?? memory.savedTriggers;
    this.inFile = this.base.savedTriggers;
    // It may have changed since it was read, before anybody looked.
    memory.isProjectDue = true;
  }

  get settings(): PushSettings {
    return this.settled.settings;
  }

  /** The push that is due now. Hooks, `--force-build` and `--verify` are for the first one. */
  job(): PushJob {
    const { memory, base } = this;
    const { savedTriggers, isFirstBuildDone, isBeforeDone, hasWorked, heldBack } = memory;
    const settings = watchSettings(this.settings);
    return {
      ...base,
      settings: {
        ...settings,
        before: isBeforeDone ? undefined : settings.before,
        after: isFirstBuildDone ? undefined : settings.after,
      },
      savedTriggers,
      triggersGiven: base.triggersGiven && !isFirstBuildDone,
      isNameGuessed: base.isNameGuessed && !isFirstBuildDone,
      forceBuild: base.forceBuild && !isFirstBuildDone,
      verify: base.verify && !isFirstBuildDone,
      heldBack: base.force || !hasWorked ? undefined : heldBack,
      buildReasons: memory.buildReasons,
      save: (triggers) => this.save(triggers),
    };
  }

  /** Whether the project file says something else now. What is wrong with it is told once; it is due until it is right, and the same. */
  async hasChanged(): Promise<boolean> {
    const now = await this.compared();
    this.memory.isProjectDue = now !== 'same';
    return now === 'other';
  }

  private async compared(): Promise<'same' | 'other' | 'wrong'> {
    try {
      const now = await this.reopen();
      this.memory.refusedProject = undefined;
      const { savedTriggers } = jobOf(this.request, now.project, now.settings);
      if (isSame(this.settings, now.settings) && isDeepStrictEqual(savedTriggers, this.inFile)) return 'same';
      this.latest = now;
      return 'other';
    } catch (error) {
      this.refuse(error);
      return 'wrong';
    }
  }

  /** What to go on with: the project file as it is now, or as it was when it was right. */
  async next(): Promise<Settled> {
    try {
      return await this.reopen();
    } catch (error) {
      this.refuse(error);
      return this.latest;
    }
  }

  private refuse(error: unknown): void {
    if (!(error instanceof RdtError)) throw error;
    const { message, hint } = error;
    if (message === this.memory.refusedProject) return;
    this.memory.refusedProject = message;
    this.deps.emit({ type: 'project-refused', message, hint });
  }

  /** @throws RdtError for a file that is wrong, also when it names what cannot be a trigger. */
  private async reopen(): Promise<Settled> {
    const { request, deps, settings } = this;
    const quiet = { ...deps, askAppName: undefined, emit: () => undefined };
    // The folder has no other name than the one that was answered.
    const asked = {
      ...request,
      flags: { ...request.flags, appName: request.flags.appName ?? settings.appName },
    };
    const named = await deps.openProject(settings.source);
    const project = named.settings.appName === undefined ? asked : request;
    const settled = await settleProject(project, settings.source, quiet);
    await readTriggers(settled.settings.source, settled.settings.buildTriggers, deps.signal);
    return settled;
  }

  /**
   * A file that cannot be written now is no reason to stop: the next push writes it. Nothing is written over what the user wrote since
   * it was read: that is due first.
   */
  private async save(triggers: TriggerHashes): Promise<void> {
    const { memory } = this;
    const now = await this.compared();
    memory.savedTriggers = triggers;
    memory.isProjectDue = now !== 'same';
    if (memory.isProjectDue) return;
    try {
      await this.base.save(triggers);
      this.inFile = triggers;
    } catch (error) {
      if (!(error instanceof RdtError)) throw error;
      this.deps.emit({ type: 'warning', message: error.message });
    }
  }
}

const watchSettings = (settings: PushSettings): PushSettings => ({
  ...settings,
  stopGraceMs: graceOf(settings),
});

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
