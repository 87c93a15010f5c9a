import { RdtError } from '../errors.js';
import { lastLines } from '../push/watch-start.js';
import { needsAnotherLook } from '../sync/commit-request.js';
import type { Deployment } from '../sync/deployment.js';
import { seenFrom } from '../sync/mounts.js';
import { LostStage } from '../sync/stages.js';
import { WarmChannel } from '../sync/warm-channel.js';
import { EngineError } from '../transport/engine-error.js';
import type { AppNews } from './app-news.js';
import { isAbsence, tellFailure } from './failures.js';
import { HotBatch } from './hot-batch.js';
import { joined } from './joined-batch.js';
import type { Batch } from './settling.js';
import { lookAtTriggers } from './look-at-triggers.js';
import type { Ready } from './ready.js';
import { rebased } from './rebased.js';
import { reconcile } from './reconcile.js';
import type { TriggerLook } from './trigger-look.js';
import type { Message, Session } from './watch-deps.js';

/** Why the hot path is left: `doubtful` for a complete push. */
type Leave = 'doubtful' | 'project-changed';

/** One connection: complete pushes when anything is doubtful, and the hot path as long as nothing is. */
export class WatchSession {
  private pending: Batch | undefined;
  private isPaused = false;
  /** What the container holds; undefined when a complete push has to find out. */
  private holds: Ready['deployment'];
  private toldExit: number | undefined;

  constructor(
    private readonly session: Session,
    private readonly triggers: TriggerLook,
    /** Told each time when folder and app are one after a complete push. */
    private readonly onReady: (ready: Ready) => void,
  ) {}

  /** Until the project file says something else. @throws what ends the connection, and the signal's reason. */
  async run(): Promise<'project-changed'> {
    for (;;) {
      const ready = await reconcile(this.session, this.triggers, (news) => this.hear(news));
      if (ready === 'project-changed') return ready;
      this.onReady(ready);
      if ((await this.stayInStep(ready)) === 'project-changed') return 'project-changed';
    }
  }

  private async stayInStep({ container, deployment }: Ready): Promise<Leave> {
    const { held, inbox } = this.session;
    const { settings, compress } = this.session.job();
    const { destination, afterSync } = settings;
    if (afterSync.kind === 'process' && container.state.running) held.restarter.prepare(container.id);
    await using channel = WarmChannel.open(
      {
        engine: held.engine,
        container: seenFrom(container, destination, deployment?.place),
        destination,
        compress,
      },
      held.signal,
    );
    this.isPaused = container.state.paused;
    this.holds = deployment === undefined ? undefined : await rebased(this.session, deployment);
    for (;;) {
      const leave = (await this.take(inbox.takeAll())) ?? (await this.carryOutPending(channel));
      if (leave !== undefined) return leave;
      await inbox.arrived();
      held.signal.throwIfAborted();
    }
  }

  private async carryOutPending(channel: WarmChannel): Promise<Leave | undefined> {
    const batch = this.isPaused ? undefined : this.takePending();
    if (batch === undefined) return undefined;
    if (this.holds === undefined) return 'doubtful';
    const outcome = await this.carryOut(new HotBatch(this.session, channel, batch), this.holds);
    if (typeof outcome === 'string') return outcome;
    this.holds = outcome.deployment;
    return undefined;
  }

  private takePending(): Batch | undefined {
    const { pending } = this;
    this.pending = undefined;
    return pending;
  }

  private async carryOut(batch: HotBatch, holds: Deployment): Promise<Leave | { deployment: Deployment }> {
    const { session } = this;
    const { monitor, held, folder, memory, emit } = session;
    try {
      const { verdict } = await lookAtTriggers(session, this.triggers);
      if (verdict !== 'nothing') return verdict === 'build' ? 'doubtful' : verdict;
      if (session.context.isDue) return 'doubtful';
      const container = monitor.container ?? (await monitor.look());
      if (container?.id !== holds.containerId) return 'doubtful';
      this.toldExit = undefined;
      const outcome = await batch.run(container, holds);
      if (outcome.kind === 'doubtful') return outcome.kind;
      // The build is still broken, and what was changed may be what mends it.
      return memory.failedBuild !== undefined && outcome.deployment !== holds ? 'doubtful' : outcome;
    } catch (error) {
      folder.distrust();
      held.signal.throwIfAborted();
      if (!(error instanceof RdtError) || isAbsence(error)) throw error;
      // Of a container that has ended or gone meanwhile, or was changed by others, the push knows more.
      const isOfOthers = error instanceof EngineError || needsAnotherLook(error);
      const isPause = error instanceof LostStage && (await monitor.isAppPaused());
      if (!isOfOthers && !isPause) tellFailure(memory, emit, error);
      return 'doubtful';
    }
  }

  /** Takes in what has come; answers why the hot path has to be left. */
  private async take(messages: readonly Message[]): Promise<Leave | undefined> {
    let leave: Leave | undefined;
    for (const message of messages) {
      if (message.kind === 'app') leave = (await this.hear(message.news)) ?? leave;
      else this.pending = joined(this.pending, message.batch);
    }
    return leave;
  }

  private async hear(news: AppNews): Promise<Leave | undefined> {
    const { emit, monitor } = this.session;
    const app = this.session.job().settings.appName;
    if (news.kind === 'exited') {
      await this.tellExit(news);
      // Its tmpfs mounts are empty after the next start.
      if ((monitor.container?.tmpfs.length ?? 0) > 0) this.holds = undefined;
      return undefined;
    }
    emit({ type: 'app-changed', app, what: news.kind });
    this.isPaused = news.kind === 'paused';
    return this.isPaused ? undefined : 'doubtful';
  }

  /** An app that crashes again and again is told of once for each sync. */
  private async tellExit({ exitCode, restarts }: Extract<AppNews, { kind: 'exited' }>): Promise<void> {
    const { held, emit } = this.session;
    if (this.toldExit === exitCode) return;
    this.toldExit = exitCode;
    const app = this.session.job().settings.appName;
    const lines = await lastLines(held.engine, app, held.signal).catch((error: unknown) => {
      if (!(error instanceof EngineError)) throw error;
      return '';
    });
    emit({ type: 'app-exited', app, exitCode, restarts, lastLines: lines === '' ? [] : lines.split('\n') });
  }
}
