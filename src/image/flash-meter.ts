import type { FlashPhase, FlashProgress } from './flash-event.js';

/** Long enough to be calm, short enough to show that a card has become slow. */
const WINDOW_MS = 5000;
/** Speed is a guess before that. */
const SETTLING_MS = 500;

export interface FlashPace {
  readonly bytesPerSecond: number | undefined;
  readonly secondsLeft: number | undefined;
  /** 0 to 1. */
  readonly fraction: number | undefined;
}

interface Sample {
  readonly atMs: number;
  readonly doneBytes: number;
  readonly fraction: number | undefined;
}

/** Speed and time left of one drive, over the last seconds of its current phase. */
export class FlashMeter {
  private phase: FlashPhase | undefined;
  private samples: Sample[] = [];

  update(progress: FlashProgress, nowMs: number): FlashPace {
    if (progress.phase !== this.phase) this.samples = [];
    this.phase = progress.phase;
    const latest = { atMs: nowMs, doneBytes: progress.doneBytes, fraction: fractionOf(progress) };
    this.samples.push(latest);
    while ((this.samples[1]?.atMs ?? Infinity) <= nowMs - WINDOW_MS) this.samples.shift();
    return paceBetween(this.samples[0] ?? latest, latest);
  }
}

function fractionOf(progress: FlashProgress): number | undefined {
  if (progress.totalBytes === undefined)
    return progress.phase === 'writing' ? progress.packedFraction : undefined;
  return progress.totalBytes === 0 ? 1 : Math.min(progress.doneBytes / progress.totalBytes, 1);
}

function paceBetween(first: Sample, latest: Sample): FlashPace {
  const seconds = (latest.atMs - first.atMs) / 1000;
  const { fraction } = latest;
  if (seconds * 1000 < SETTLING_MS) return { bytesPerSecond: undefined, secondsLeft: undefined, fraction };
  const fractionPerSecond = ((fraction ?? 0) - (first.fraction ?? 0)) / seconds;
  return {
    bytesPerSecond: (latest.doneBytes - first.doneBytes) / seconds,
    secondsLeft:
      fraction !== undefined && fractionPerSecond > 0 ? (1 - fraction) / fractionPerSecond : undefined,
    fraction,
  };
}
