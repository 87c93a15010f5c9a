import { setTimeout as delay } from 'node:timers/promises';
import { RdtError } from '../errors.js';
import type { Container } from '../transport/engine.js';
import { isMissing } from '../transport/engine-error.js';
import { isEnding } from './container-end.js';
import { untilSettled } from './container-script.js';
import { type Commit, type CommitOutcome, commit } from './commit.js';
import { stageFolders } from './mounts.js';
import { type LoopPlace, StageLoop, type StartedLoop } from './stage-loop.js';
import { LostStage } from './stages.js';

/** A container that is being restarted is asked again after so long, then after half as long again ... */
const FIRST_RETRY_MS = 20;
const LAST_RETRY_MS = 1_000;
const RETRY_GROWTH = 1.5;

/** Where it leads to. */
export type WarmPlace = Pick<Commit, 'engine' | 'container' | 'destination' | 'compress'>;

/**
 * One way into one container for a whole session. Small commits go to a shell that stays in the container; it is started in the
 * background, and again whenever the container was. Whatever it cannot do, or not yet, goes the way of `commit()`, with the same result.
 */
export class WarmChannel implements AsyncDisposable {
  private loop: StageLoop | undefined;
  private hasShell: boolean | undefined;
  /** As it was when a shell could not be started in it. */
  private container: Container;
  private isOver = false;
  private readonly closing = new AbortController();
  private readonly keeping: Promise<void>;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly place: LoopPlace,
    signal: AbortSignal,
  ) {
    this.container = place.container;
    this.keeping = this.keepWarm(AbortSignal.any([signal, this.closing.signal]));
  }

  /** Returns at once and warms up in the background; `signal` ends that. */
  static open({ destination, ...place }: WarmPlace, signal: AbortSignal): WarmChannel {
    return new WarmChannel({ ...place, folders: stageFolders(place.container, destination) }, signal);
  }

  /** Whether the next small commit finds the shell waiting. */
  get isWarm(): boolean {
    return this.loop?.isAlive === true;
  }

  /** Whether it never will be: the container lacks what that needs, or is gone. */
  get isCold(): boolean {
    return this.isOver;
  }

  /**
   * As `commit()`; one begins when the one before has ended. What the deployment knows by the token is checked in the container, in the same step.
   * @throws RdtError when the container has another state than `deployed` says; nothing was changed then.
   */
  commit(request: Commit): Promise<CommitOutcome> {
    const turn = this.last.then(() => this.commitNow(request));
    this.last = turn.catch(() => undefined);
    return turn;
  }

  /** Waits for the commit that is under way: to cut it, abort its own signal. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.last;
    this.closing.abort(new Error('The channel was closed.'));
    await this.keeping;
  }

  private async commitNow(request: Commit): Promise<CommitOutcome> {
    const known = { ...request, hasShell: request.hasShell ?? this.hasShell };
    if (this.loop?.isAlive !== true) return commit(known);
    try {
      return await commit({ ...known, stages: this.loop });
    } catch (error) {
      // What was to be moved out of the way may have gone already; then only a comparison tells what is left to do.
      if (!(error instanceof LostStage) || request.plan.obstacles.length > 0) throw error;
      await untilSettled(request.engine, request.container.id, this.place.folders, request.signal);
      return commit({ ...known, repeats: true });
    }
  }

  private async keepWarm(signal: AbortSignal): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    try {
      for (;;) {
        const end = await this.warmOnce(signal);
        if (end === 'never') break;
        // A container that ends as soon as it starts is held back by the engine itself.
        retryMs = end === 'served' ? FIRST_RETRY_MS : Math.min(RETRY_GROWTH * retryMs, LAST_RETRY_MS);
        await delay(retryMs, undefined, { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.isOver = true;
    }
  }

  /** Returns when the shell has ended, or could not be started now. */
  private async warmOnce(signal: AbortSignal): Promise<'served' | 'again' | 'never'> {
    try {
      const started = await StageLoop.start(this.place, signal);
      return await this.goOn(started, signal);
    } catch (error) {
      // A container that does not run, or a device that is away: commits find out for themselves, and say it.
      if (!(error instanceof RdtError)) throw error;
      return isMissing(error) ? 'never' : 'again';
    }
  }

  private async goOn(started: StartedLoop, signal: AbortSignal): Promise<'served' | 'again' | 'never'> {
    switch (started.kind) {
      case 'ready':
        await this.serve(started.loop);
        return 'served';
      case 'no-shell':
        if (await this.wasEnding(signal)) return 'again';
        this.hasShell = false;
        return 'never';
      case 'unfit':
        return 'never';
      case 'ended':
        return 'again';
    }
  }

  /** A save restarts the app while the first shell is being started, say. */
  private async wasEnding(signal: AbortSignal): Promise<boolean> {
    const { engine } = this.place;
    if (!(await isEnding(engine, this.container, signal))) return false;
    this.container = (await engine.inspectContainer(this.container.id, signal)) ?? this.container;
    return true;
  }

  private async serve(loop: StageLoop): Promise<void> {
    this.loop = loop;
    this.hasShell = true;
    await loop.ended;
    this.loop = undefined;
  }
}
