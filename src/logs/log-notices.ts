import type { Clock } from '../runtime.js';
import type { Container } from '../transport/engine.js';
import type { EmitLogEvent } from './log-event.js';

/** A restart takes less; one that takes longer is told as a stop. */
const PATIENCE_MS = 1_500;
const REMOVED = 'removed';

interface Absence {
  readonly key: string;
  readonly sinceMs: number;
  /** When it was so already at the first look. */
  readonly isOld: boolean;
  told: boolean;
}

export interface LogNoticesDeps {
  readonly clock: Clock;
  readonly emit: EmitLogEvent;
  /** Whether it is worth a line that a container had stopped before anybody looked. */
  readonly tellsOldStops: boolean;
}

/** Says once what has become of a container, from how it looks each time. */
export class LogNotices {
  private last: { readonly id: string; readonly startedAt: string } | undefined;
  private absence: Absence | undefined;

  constructor(
    private readonly app: string,
    private readonly deps: LogNoticesDeps,
  ) {}

  /** `wasLost`: the user was told of a lost connection, which is all that there is to say about a device that rebooted. */
  look(container: Container | undefined, wasLost: boolean): void {
    const { app } = this;
    if (container === undefined) return this.miss(REMOVED, () => this.deps.emit({ type: 'removed', app }));
    const { id, state } = container;
    if (!state.running) {
      const { exitCode, startedAt } = state;
      const stopped = () => this.deps.emit({ type: 'stopped', app, exitCode });
      const isOld = this.last === undefined;
      this.changed(container, wasLost);
      return this.miss(`${id} ${startedAt}`, stopped, isOld);
    }
    this.changed(container, wasLost || this.absence?.told === true);
    this.absence = undefined;
  }

  /** The user was told that it was removed, and it has not come back. */
  get isRemoved(): boolean {
    return this.absence?.key === REMOVED && this.absence.told;
  }

  private changed({ id, state: { startedAt } }: Container, isKnown: boolean): void {
    const { app, last } = this;
    this.last = { id, startedAt };
    if (last === undefined || (last.id === id && (last.startedAt === startedAt || isKnown))) return;
    this.deps.emit({ type: last.id === id ? 'restarted' : 'recreated', app });
  }

  /** What is only gone for a moment is not worth a line. */
  private miss(key: string, tell: () => void, isOld = false): void {
    const nowMs = this.deps.clock.monotonicMs();
    if (this.absence?.key !== key) this.absence = { key, sinceMs: nowMs, isOld, told: false };
    const { absence } = this;
    if (absence.isOld && !this.deps.tellsOldStops) return;
    if (absence.told || nowMs - absence.sinceMs < PATIENCE_MS) return;
    absence.told = true;
    tell();
  }
}
