import { RdtError } from '../errors.js';
import { push } from '../push/push.js';
import type { PushEvent, PushResult } from '../push/push-event.js';
import type { AppNews } from './app-news.js';
import { isAbsence, isBuildFailure, isLasting, tellFailure } from './failures.js';
import { type Ready, readyNow } from './ready.js';
import { syncOldApp } from './sync-old-app.js';
import { joined } from './joined-batch.js';
import type { Batch } from './settling.js';
import { lookAtTriggers, type TriggerVerdict } from './look-at-triggers.js';
import type { TriggerLook } from './trigger-look.js';
import type { Message, Session } from './watch-deps.js';

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

type Attempt =
  | { readonly kind: 'ready'; readonly ready: Ready }
  | { readonly kind: 'again' | 'project-changed' }
  /** Only a change can help: of the folder, which was of that edition, or of what others do to the app. */
  | { readonly kind: 'build-failed'; readonly edition: number | undefined }
  | { readonly kind: 'failed' };

type HearNews = (news: AppNews) => Promise<unknown>;

/**
 * A complete push, again and again until one succeeds or leaves an old app that can be synced. A trigger that changes meanwhile ends
 * a build and begins the next. What others do to the app is told by `hear` as it comes.
 * @throws what ends the session: the device is gone, or the lock is lost.
 */
export async function reconcile(
  session: Session,
  triggers: TriggerLook,
  hear: HearNews,
): Promise<Ready | 'project-changed'> {
  let pauseMs = FIRST_PAUSE_MS;
  let broken: number | undefined;
  for (;;) {
    const attempting = new Attempting(session, triggers, hear, broken);
    const attempt = await attempting.run();
    broken = attempt.kind === 'build-failed' ? attempt.edition : undefined;
    switch (attempt.kind) {
      case 'ready':
        attempting.handOn();
        return attempt.ready;
      case 'project-changed':
        return attempt.kind;
      case 'again':
      case 'build-failed':
        continue;
      case 'failed':
        await changeOf(session, pauseMs);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }
}

/** An app that ends again and again is no reason to build again. */
const isOfOthers = (message: Message): boolean => message.kind === 'app' && message.news.kind !== 'exited';

/** Resolves when something has come, or `pauseMs` have passed. */
async function changeOf({ inbox, held }: Session, pauseMs: number | undefined): Promise<void> {
  const over = new AbortController();
  const stop = (): void => over.abort();
  held.signal.addEventListener('abort', stop, { once: true });
  const limits = [inbox.arrived(), aborted(over.signal)];
  if (pauseMs !== undefined) limits.push(held.clock.sleep(pauseMs, over.signal).catch(() => undefined));
  await Promise.race(limits);
  held.signal.removeEventListener('abort', stop);
  over.abort();
  held.signal.throwIfAborted();
}

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/** One push, and what happens while it runs. */
class Attempting {
  private readonly newer = new AbortController();
  private isBuilding = false;
  private isWaitTold = false;
  /** Of the folder, before the push reads anything of it. */
  private edition: number | undefined;
  /** What came when the push had read the folder. */
  private tooLate: Batch | undefined;
  /** Of the build that this push makes. */
  private readonly buildWarnings = new Set<string>();
  private beginBuilding: () => void = () => undefined;
  private readonly building = new Promise<void>((resolve) => (this.beginBuilding = resolve));

  constructor(
    private readonly session: Session,
    private readonly triggers: TriggerLook,
    private readonly hearNews: HearNews,
    /** The edition of the folder that cannot be built. */
    private readonly broken: number | undefined,
  ) {}

  async run(): Promise<Attempt> {
    const { session } = this;
    try {
      if ((await this.begin()) === 'project-changed') return { kind: 'project-changed' };
      const [unreadable] = session.memory.unreadableTriggers;
      if (unreadable !== undefined) return await this.withoutBuild(unreadable);
      // While the build is broken each change goes into the old app, before the build is tried again.
      if (session.memory.failedBuild !== undefined) await this.tryOldApp();
      const outcome = await session.monitor.quietly(() => this.pushUnlessNewer());
      return 'kind' in outcome ? outcome : await this.succeeded(outcome);
    } catch (error) {
      return this.failed(error);
    }
  }

  /** A push reads all triggers, and fails where it cannot. @throws RdtError when there is nothing but a build to be done. */
  private async withoutBuild(unreadable: RdtError): Promise<Attempt> {
    const ready = await syncOldApp(this.session);
    if (ready === undefined) throw unreadable;
    return { kind: 'ready', ready };
  }

  /** Waits for something new where what is there cannot be built. */
  private async begin(): Promise<TriggerVerdict> {
    const { session, broken } = this;
    for (;;) {
      // What is left in the inbox would end the pause after each failure. The push finds by itself what has changed until now.
      const messages = session.inbox.takeAll();
      await this.hearAll(messages);
      const { verdict } = await lookAtTriggers(session, this.triggers);
      this.edition = await session.folder.edition(session.held.signal);
      const isChanged = this.edition !== broken || session.context.isDue;
      if (verdict === 'project-changed') return verdict;
      const isNew = verdict === 'build' || isChanged || messages.some(isOfOthers);
      if (isNew && !(await this.isAppPaused())) return verdict;
      await changeOf(session, undefined);
    }
  }

  /** It waits for whoever has paused it; a push would wake it up, or build a new one in its place. */
  private async isAppPaused(): Promise<boolean> {
    const { memory, monitor } = this.session;
    return memory.hasPushed && monitor.isAppPaused();
  }

  /** To whoever works with the outcome; a further attempt looks at everything anyway. */
  handOn(): void {
    if (this.tooLate !== undefined) this.session.inbox.put({ kind: 'batch', batch: this.tooLate });
  }

  private async keep(messages: readonly Message[]): Promise<void> {
    for (const message of messages) {
      if (message.kind !== 'batch') continue;
      this.tooLate = joined(this.tooLate, message.batch);
    }
    await this.hearAll(messages);
  }

  /** What we do to the container ourselves is no news, so none of it is to be lost. */
  private async hearAll(messages: readonly Message[]): Promise<void> {
    for (const message of messages) if (message.kind === 'app') await this.hearNews(message.news);
  }

  /** What the old app does not take may be what mends the build. */
  private async tryOldApp(): Promise<void> {
    const { session } = this;
    try {
      await syncOldApp(session);
    } catch (error) {
      session.folder.distrust();
      session.held.signal.throwIfAborted();
      if (!(error instanceof RdtError) || isAbsence(error)) throw error;
      tellFailure(session.memory, session.emit, error, this.edition);
    }
  }

  private async pushUnlessNewer(): Promise<PushResult | { readonly kind: 'again' | 'project-changed' }> {
    const { held, inbox, job, context } = this.session;
    const signal = AbortSignal.any([held.signal, this.newer.signal]);
    const emit = (event: PushEvent): void => this.hear(event);
    context.begin();
    const deps = { ...held, signal, emit, contextListed: context.take.bind(context) };
    const pushing = push(job(), deps);
    try {
      await Promise.race([pushing, this.building]);
      for (;;) {
        const result = await Promise.race([pushing, inbox.arrived()]);
        if (result !== undefined) return result;
        // What comes from here on belongs to the next batch.
        if (!this.isBuilding || held.signal.aborted) return await pushing;
        await this.keep(inbox.takeAll());
        const newer = await this.whatIsNewer();
        if (newer !== undefined) return { kind: newer };
      }
    } finally {
      // There is never a second push beside the first.
      this.newer.abort(new Error('a newer change came'));
      await pushing.catch(() => undefined);
      held.signal.throwIfAborted();
    }
  }

  /** Undefined when the build may go on. */
  private async whatIsNewer(): Promise<'again' | 'project-changed' | undefined> {
    const { session } = this;
    const { verdict, reasons } = await lookAtTriggers(session, this.triggers);
    if (verdict === 'project-changed') return verdict;
    if (verdict === 'build') {
      session.emit({ type: 'build-restarted', reasons });
      return 'again';
    }
    // An idle folder is looked at as well, and nothing may have changed in it.
    if (!(await this.hasChanged())) return undefined;
    if (session.memory.failedBuild !== undefined && this.isBuilding) return 'again';
    if (!this.isWaitTold) session.emit({ type: 'changes-wait' });
    this.isWaitTold = true;
    return undefined;
  }

  /** Something was saved since the push has begun. */
  private async hasChanged(): Promise<boolean> {
    const { folder, held } = this.session;
    return (await folder.edition(held.signal)) !== this.edition;
  }

  private hear(event: PushEvent): void {
    if (event.type === 'decision') {
      this.session.memory.isBeforeDone = true;
      this.isBuilding = event.decision.action === 'build';
      if (this.isBuilding) this.beginBuilding();
    }
    // A file that kept changing: there may be no further event that tells of it.
    if (event.type === 'warning') this.lookAgain();
    if (event.type === 'build' && event.event.type === 'warning' && this.isTold(event.event.message)) return;
    // From here on the container is replaced: that is quicker ended than taken back.
    if (event.type === 'build' && event.event.type === 'ended') {
      this.isBuilding = false;
      this.session.memory.buildWarnings = this.buildWarnings;
      // What the image has and the folder has not is deleted: no older look may decide that.
      this.session.folder.lookAtAll();
    }
    this.session.emit(event);
  }

  /** The last build said it as well. */
  private isTold(warning: string): boolean {
    this.buildWarnings.add(warning);
    return this.session.memory.buildWarnings.has(warning);
  }

  private lookAgain(): void {
    const nowMs = this.session.held.clock.monotonicMs();
    this.tooLate = joined(this.tooLate, { firstEventAtMs: nowMs, settledAtMs: nowMs });
  }

  private async succeeded({ containerId }: PushResult): Promise<Attempt> {
    const { memory, monitor, folder, store, context } = this.session;
    memory.failedBuild = undefined;
    context.forget();
    memory.buildReasons = [];
    memory.isFirstBuildDone = true;
    memory.hasPushed = true;
    memory.settle();
    folder.confirm();
    if (memory.isProjectDue) this.lookAgain();
    return { kind: 'ready', ready: await readyNow(monitor, await store.load(containerId)) };
  }

  private async failed(error: unknown): Promise<Attempt> {
    const { memory, emit, folder, held } = this.session;
    folder.distrust();
    held.signal.throwIfAborted();
    if (isBuildFailure(error)) return this.buildFailed(error);
    if (!(error instanceof RdtError) || isAbsence(error) || !memory.hasWorked) throw error;
    tellFailure(memory, emit, error, this.edition);
    return { kind: 'failed' };
  }

  private async buildFailed({ message, hint }: RdtError): Promise<Attempt> {
    const { session } = this;
    const { memory, emit } = session;
    const again = memory.failedBuild === message;
    if (!again) session.context.forgive();
    memory.failedBuild = message;
    memory.hasWorked = true;
    try {
      const ready = await syncOldApp(session);
      const hasChanged = await this.hasChanged();
      emit({ type: 'build-failed', message, hint, again, oldAppRuns: ready !== undefined });
      // What was saved meanwhile may be what mends it, and the old app has it by now.
      if (hasChanged) return { kind: 'again' };
      return ready === undefined ? { kind: 'build-failed', edition: this.edition } : { kind: 'ready', ready };
    } catch (error) {
      emit({ type: 'build-failed', message, hint, again, oldAppRuns: false });
      if (!(error instanceof RdtError) || isAbsence(error)) throw error;
      // Each further try would be a build as well.
      const failedBefore = isLasting(memory, error);
      tellFailure(memory, emit, error, this.edition);
      return failedBefore ? { kind: 'build-failed', edition: this.edition } : { kind: 'failed' };
    }
  }
}
