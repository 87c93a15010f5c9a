import type { OnChangeRule } from '../project/on-change.js';
import { withinReason } from '../push/mass-deletion.js';
import { dueRules, isOwing, noteOwed, owedBy } from '../push/owed-effect.js';
import type { PlannedSync } from '../push/push-state.js';
import { runningToDelete } from '../push/running-to-delete.js';
import { throttled } from '../push/throttle.js';
import { runRulesAndTakeEffect } from '../push/sync-step.js';
import type { CommitOutcome } from '../sync/commit.js';
import type { Deployment } from '../sync/deployment.js';
import { syncContainer, type SyncTarget } from '../sync/sync-container.js';
import { isEmptyPlan, planSync, type SyncPlan } from '../sync/sync-plan.js';
import type { Container } from '../transport/engine.js';
import { FirstLine, type HeardLine } from './first-line.js';
import type { Batch } from './settling.js';
import type { Session } from './watch-deps.js';
import type { BatchSummary, BatchTiming } from './watch-event.js';

const PROGRESS_EVERY_MS = 1_000;

export type BatchOutcome =
  | { readonly kind: 'in-step'; readonly deployment: Deployment }
  /** A complete push has to find out what to do. */
  | { readonly kind: 'doubtful' };

type Committed = Extract<CommitOutcome, { kind: 'committed' }>;
type Channel = NonNullable<SyncTarget['channel']>;

/** The hot path: one batch of changes into a container that holds what `deployment` says. */
export class HotBatch {
  private readonly startMs: number;
  private scannedMs = 0;
  private packedMs = 0;
  private arrivedMs: number | undefined;
  private sentMs = 0;
  private isAtRest = true;
  private report = (): void => undefined;

  constructor(
    private readonly session: Session,
    private readonly channel: Channel,
    private readonly batch: Batch,
  ) {
    this.startMs = this.now();
  }

  /** @throws what commits and restarts throw. What may have arrived then without taking effect is noted, and made good by the next push. */
  async run(container: Container, deployment: Deployment): Promise<BatchOutcome> {
    const { session } = this;
    const planned = withinReason(session.job(), session.emit, await this.plan(deployment));
    const isIdle = isEmptyPlan(planned.plan) || session.memory.changing.mustWait(planned.plan);
    if (isIdle && !isOwing(planned)) return { kind: 'in-step', deployment };
    const outcome = await session.monitor.quietly(() => this.carryOut(container, planned));
    if (outcome.kind === 'needs-rebuild') return { kind: 'doubtful' };
    // Before it is told: whatever happens to the container from then on is not our doing.
    await session.monitor.look(container.id);
    this.report();
    if (this.isAtRest) session.folder.confirm();
    else session.folder.distrust();
    const now = await session.store.load(container.id);
    return now === undefined ? { kind: 'doubtful' } : { kind: 'in-step', deployment: now };
  }

  private async carryOut(container: Container, planned: PlannedSync): Promise<CommitOutcome> {
    const { session } = this;
    const job = session.job();
    const due = dueRules(job, planned);
    try {
      const running = await runningToDelete(session.held, container, planned.plan);
      const outcome = await this.commit(running, planned, owedBy(due));
      if (outcome.kind !== 'committed') return outcome;
      const isNews = hasArrived(planned.plan, outcome);
      if (isNews) await this.takeEffect(running, planned, due, outcome);
      await noteOwed(job, session.held, container, isNews ? undefined : planned.owed);
      return outcome;
    } catch (error) {
      await noteOwed(job, session.held, container, owedBy(due));
      throw error;
    }
  }

  private async plan(deployment: Deployment): Promise<PlannedSync> {
    const { folder, held } = this.session;
    const local = await folder.refresh(deployment.tree, held.signal);
    const plan =
      local.tree === deployment.tree
        ? { uploads: [], deletions: [], obstacles: [] }
        : planSync({ deployed: deployment.tree, local: local.tree, isIgnored: local.isIgnored });
    this.scannedMs = this.now();
    const deployed = {
      tree: deployment.tree,
      left: new Map(),
      unsettled: [],
      knowledge: 'token',
      remembered: deployment,
      marks: deployment,
      state: deployment.token,
      foreignToken: undefined,
    } as const;
    return { local, deployed, plan, owed: deployment.owed };
  }

  private async commit(
    container: Container,
    { local, deployed, plan }: PlannedSync,
    owed: Deployment['owed'],
  ): Promise<CommitOutcome> {
    const { held, store } = this.session;
    const { settings, compress } = this.session.job();
    const { source, destination, afterSync } = settings;
    const { engine, signal } = held;
    this.packedMs = this.now();
    const tell = throttled(held.clock, PROGRESS_EVERY_MS, (sentBytes: number, totalBytes: number) =>
      this.session.emit({ type: 'sync-progress', sentBytes, totalBytes }),
    );
    const outcome = await syncContainer(
      { engine, container, source, destination, store, compress, signal, channel: this.channel },
      {
        local: local.tree,
        deployed,
        plan,
        unobserved: false,
        restarts: afterSync.kind === 'container',
        scannedAtMs: local.scannedAtMs,
        owed,
        onProgress: (sentBytes, totalBytes) => {
          this.packedMs = this.now();
          tell(sentBytes, totalBytes);
        },
        onArrived: () => (this.arrivedMs = this.now()),
      },
    );
    this.sentMs = this.now();
    if (outcome.kind === 'committed') this.hearChanging(outcome.packed.changing);
    return outcome;
  }

  private async takeEffect(
    container: Container,
    { plan }: PlannedSync,
    rules: readonly OnChangeRule[],
    committed: Committed,
  ): Promise<void> {
    const { session } = this;
    const { memory, held, log } = session;
    const firstLine = log === undefined ? undefined : new FirstLine(log, held.clock);
    const effect = await runRulesAndTakeEffect(session.job(), held, container, rules);
    log?.hurry();
    const effectMs = this.now();
    memory.settle();
    const batch = this.summary(plan, committed, effect);
    this.report = () => {
      session.emit({ type: 'batch', batch });
      void this.tellTiming(effectMs, firstLine);
      if (batch.effect !== 'none') this.tellRestless(plan, batch.effect);
    };
  }

  private tellRestless({ uploads }: SyncPlan, effect: BatchSummary['effect']): void {
    const { memory, emit } = this.session;
    const done = effect === 'signalled' ? 'signalled' : 'restarted';
    for (const path of memory.restless.hear(uploads, this.now()))
      emit({
        type: 'warning',
        message: `${path} changes all the time, and each time the app is ${done}: if a program writes it, name it under \`ignore\` in .resin-sync.yml`,
      });
  }

  private summary(
    plan: SyncPlan,
    { channel, packed }: Committed,
    effect: 'synced' | 'started',
  ): BatchSummary {
    return {
      files: plan.uploads.length - packed.changing.length,
      deleted: plan.deletions.length + plan.obstacles.length,
      bytes: packed.contentBytes,
      channel,
      effect: effect === 'started' ? 'started' : EFFECTS[this.session.job().settings.afterSync.kind],
      durationMs: this.now() - this.batch.firstEventAtMs,
    };
  }

  private async tellTiming(effectMs: number, firstLine: FirstLine | undefined): Promise<void> {
    const { firstEventAtMs, settledAtMs } = this.batch;
    const { arrivedMs, sentMs } = this;
    const lineMs = await firstLine?.atMs(this.linesOfRun(effectMs));
    const timing: BatchTiming = {
      detectMs: settledAtMs - firstEventAtMs,
      scanMs: this.scannedMs - this.startMs,
      packMs: this.packedMs - this.scannedMs,
      transferMs: (arrivedMs ?? sentMs) - this.packedMs,
      applyMs: arrivedMs === undefined ? undefined : sentMs - arrivedMs,
      restartMs: effectMs - sentMs,
      firstLineMs: lineMs === undefined ? undefined : lineMs - sentMs,
    };
    this.session.emit({ type: 'batch-timing', timing });
  }

  /** The run before may have gone on to talk until its end. */
  private linesOfRun(effectMs: number): (line: HeardLine) => boolean {
    const { session } = this;
    switch (session.job().settings.afterSync.kind) {
      case 'container': {
        const endedAtMs = Date.parse(session.monitor.container?.state.finishedAt ?? '');
        return ({ time }) => !(Date.parse(time) <= endedAtMs);
      }
      case 'process':
      case 'signal':
        return ({ atMs }) => atMs >= effectMs;
      case 'none':
        return () => true;
    }
  }

  private hearChanging(changing: readonly string[]): void {
    const { memory, emit } = this.session;
    for (const path of memory.changing.hear(changing, this.now()))
      emit({
        type: 'warning',
        message: `${path} changes all the time, also while it is sent, and so does not arrive: if a program writes it, name it under \`ignore\` in .resin-sync.yml`,
      });
    this.isAtRest = changing.length === 0;
    if (!this.isAtRest) this.lookAgain();
  }

  private lookAgain(): void {
    const { held, inbox, memory } = this.session;
    const pause = memory.changing.beginPause();
    held.clock.sleep(pause.ms).then(
      () => {
        if (!pause.end()) return;
        const nowMs = this.now();
        inbox.put({ kind: 'batch', batch: { firstEventAtMs: nowMs, settledAtMs: nowMs } });
      },
      () => undefined,
    );
  }

  private now(): number {
    return this.session.held.clock.monotonicMs();
  }
}

/** False when all of it was still being written to: then there is nothing to restart the app for. */
const hasArrived = ({ uploads, deletions, obstacles }: SyncPlan, { packed }: Committed): boolean =>
  uploads.length === 0 || packed.changing.length < uploads.length || deletions.length + obstacles.length > 0;

const EFFECTS = {
  container: 'restarted',
  process: 'restarted-process',
  signal: 'signalled',
  none: 'none',
} as const;
