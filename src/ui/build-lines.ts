import type { Writable } from 'node:stream';
import type { BuildEvent, BuildStep } from '../build/build-event.js';
import type { Clock } from '../runtime.js';
import { shownLine } from './program-output.js';
import { formatBytes, formatDuration } from './amounts.js';

/** A slow upload is mentioned this often. */
const UPLOAD_NOTICE_MS = 10_000;

/** A build as plain lines, each with its step's number, for logs and pipes: `#3 [2/4] RUN npm ci`. */
export class BuildLines {
  private readonly announced = new Set<number>();
  private readonly startedMs = new Map<number, number>();
  private noticedMs: number;

  constructor(
    private readonly stream: Writable,
    private readonly clock: Pick<Clock, 'monotonicMs'>,
  ) {
    this.noticedMs = clock.monotonicMs();
  }

  handle(event: BuildEvent): void {
    switch (event.type) {
      case 'context-sent':
        this.contextSent(event.sentBytes, event.totalBytes);
        break;
      case 'step-started':
        this.startedMs.set(event.step.number, this.clock.monotonicMs());
        if (event.step.kind === 'instruction') this.announce(event.step);
        break;
      case 'step-finished':
        this.finished(event.step, event.cached);
        break;
      case 'step-failed':
        this.announce(event.step);
        this.line(`#${event.step.number} failed after ${this.elapsed(event.step)}`);
        break;
      case 'output':
        this.announce(event.step);
        this.line(`#${event.step.number}   ${shownLine(event.line)}`.trimEnd());
        break;
      case 'warning':
        this.line(`warning: ${shownLine(event.message)}`);
        break;
      case 'built':
        this.line(`built ${event.imageId}`);
        break;
      case 'step-progress':
      case 'ended':
        break;
    }
  }

  private contextSent(sentBytes: number, totalBytes: number): void {
    const done = sentBytes > 0 && sentBytes >= totalBytes;
    if (!done && this.clock.monotonicMs() - this.noticedMs < UPLOAD_NOTICE_MS) return;
    this.noticedMs = this.clock.monotonicMs();
    const total = formatBytes(totalBytes);
    this.line(
      done ? `build context sent: ${total}` : `build context: ${formatBytes(sentBytes)} of ${total} sent`,
    );
  }

  /** The builder's own steps are worth a line only when they have something to say. */
  private announce({ number, name }: BuildStep): void {
    if (this.announced.has(number)) return;
    this.announced.add(number);
    this.line(`#${number} ${shownLine(name)}`);
  }

  private finished(step: BuildStep, cached: boolean): void {
    if (!this.announced.has(step.number)) return;
    this.line(`#${step.number} ${cached ? 'cached' : `done in ${this.elapsed(step)}`}`);
  }

  private elapsed({ number }: BuildStep): string {
    const now = this.clock.monotonicMs();
    return formatDuration(now - (this.startedMs.get(number) ?? now));
  }

  private line(text: string): void {
    this.stream.write(`${text}\n`);
  }
}
