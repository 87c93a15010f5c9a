import type { Writable } from 'node:stream';
import type { BuildEvent, BuildStep } from '../build/build-event.js';
import type { Clock } from '../runtime.js';
import type { Style } from './style.js';
import { LiveBlock } from './live-block.js';
import { shownLine } from './program-output.js';
import { formatBytes, formatDuration } from './amounts.js';
import { fitWidth } from './text-width.js';

/** Often enough to look alive, seldom enough to cost nothing. */
const REDRAW_MS = 100;
/** Last lines of output that a running step shows below its own. */
const TAIL_LINES = 4;
/** So that the block is never higher than a small terminal. */
const LARGEST_BLOCK_LINES = 16;
/** What is kept of a step's output, to be shown when it fails. */
const KEPT_LINES = 200;

interface RunningStep {
  readonly step: BuildStep;
  readonly startedMs: number;
  readonly output: string[];
  /** Sizes of what is downloaded, by item. */
  readonly progress: Map<string, { done: number; total: number }>;
}

export interface BuildScreenOptions {
  readonly stream: Writable & { columns?: number };
  readonly style: Style;
  readonly clock: Clock;
}

/** A build on a terminal: finished steps scroll away, running ones stay at the bottom with their last lines. */
export class BuildScreen {
  private readonly block: LiveBlock;
  private readonly running = new Map<number, RunningStep>();
  private readonly closing = new AbortController();
  private upload: { sent: number; total: number } | undefined;
  private redrawing = false;

  constructor(private readonly options: BuildScreenOptions) {
    this.block = new LiveBlock(options.stream);
  }

  handle(event: BuildEvent): void {
    this.apply(event);
    if (!this.redrawing && !this.closing.signal.aborted) void this.redrawUntilClosed();
  }

  private close(): void {
    this.closing.abort();
    this.block.clear();
  }

  private apply(event: BuildEvent): void {
    switch (event.type) {
      case 'context-sent':
        this.contextSent(event.sentBytes, event.totalBytes);
        break;
      case 'step-started':
        this.started(event.step);
        break;
      case 'step-progress':
        this.running.get(event.step.number)?.progress.set(event.item, {
          done: event.doneBytes,
          total: event.totalBytes,
        });
        break;
      case 'output':
        this.output(event.step, shownLine(event.line));
        break;
      case 'step-finished':
        this.finished(event.step, event.cached);
        break;
      case 'step-failed':
        this.failed(event.step);
        break;
      case 'warning':
        this.print('yellow', `warning: ${shownLine(event.message)}`);
        break;
      case 'built':
        break;
      case 'ended':
        this.close();
        break;
    }
  }

  private contextSent(sent: number, total: number): void {
    this.upload = { sent, total };
    if (sent === 0 || sent < total) return;
    this.upload = undefined;
    this.print('green', `✔ build context sent: ${formatBytes(total)}`);
  }

  private started(step: BuildStep): void {
    const startedMs = this.options.clock.monotonicMs();
    this.running.set(step.number, { step, startedMs, output: [], progress: new Map() });
  }

  private output({ number }: BuildStep, line: string): void {
    const output = this.running.get(number)?.output;
    output?.push(line);
    if (output !== undefined && output.length > KEPT_LINES) output.shift();
  }

  private finished(step: BuildStep, cached: boolean): void {
    const { startedMs } = this.take(step);
    if (step.kind === 'preparation') return;
    const note = cached ? 'cached' : formatDuration(this.options.clock.monotonicMs() - startedMs);
    this.print('green', `✔ ${this.beside(shownLine(step.name), note)}`);
  }

  private failed(step: BuildStep): void {
    const { output } = this.take(step);
    this.print('red', `✖ ${shownLine(step.name)}`);
    for (const line of output) this.block.print(`    ${line}`);
  }

  private take(step: BuildStep): RunningStep {
    const found = this.running.get(step.number);
    this.running.delete(step.number);
    return found ?? { step, startedMs: this.options.clock.monotonicMs(), output: [], progress: new Map() };
  }

  /** The first character carries the colour. */
  private print(color: 'green' | 'red' | 'yellow', line: string): void {
    this.block.print(this.options.style[color](line.slice(0, 1)) + line.slice(1));
  }

  /** A long name gives way to the note behind it. */
  private beside(name: string, note: string): string {
    return `${fitWidth(name, this.block.columns - note.length - 5)}  ${note}`;
  }

  private async redrawUntilClosed(): Promise<void> {
    this.redrawing = true;
    const { signal } = this.closing;
    try {
      while (!signal.aborted) {
        this.block.draw(this.liveLines(), this.options.style.dim);
        await this.options.clock.sleep(REDRAW_MS, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  private liveLines(): string[] {
    const now = this.options.clock.monotonicMs();
    const lines = this.upload === undefined ? [] : [uploadLine(this.upload)];
    for (const running of this.running.values()) {
      const note = progressNote(running) + formatDuration(now - running.startedMs);
      lines.push(this.beside(`  ${shownLine(running.step.name)}`, note));
      lines.push(...running.output.slice(-TAIL_LINES).map((line) => `      ${line}`));
    }
    return lines.slice(0, LARGEST_BLOCK_LINES);
  }
}

function uploadLine({ sent, total }: { sent: number; total: number }): string {
  const percent = total === 0 ? 0 : Math.min(100, Math.floor((sent / total) * 100));
  return `  sending the build context: ${formatBytes(sent)} of ${formatBytes(total)}, ${percent} %`;
}

function progressNote({ progress }: RunningStep): string {
  if (progress.size === 0) return '';
  const items = [...progress.values()];
  const done = items.reduce((sum, item) => sum + item.done, 0);
  const total = items.reduce((sum, item) => sum + item.total, 0);
  return `${formatBytes(done)} of ${formatBytes(total)}  `;
}
