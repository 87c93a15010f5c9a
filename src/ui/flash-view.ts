import { printable } from '../discovery/printable.js';
import type {
  DriveVerdict,
  EmitFlashEvent,
  FlashEvent,
  FlashPlan,
  FlashProgress,
} from '../image/flash-event.js';
import { FlashMeter, type FlashPace } from '../image/flash-meter.js';
import type { Runtime } from '../runtime.js';
import { count, formatBytes, formatDuration } from './amounts.js';
import { driveContents, driveTitle } from './describe-drive.js';
import { flashJson } from './flash-json.js';
import { LiveBlock } from './live-block.js';
import { type Style, styleFor } from './style.js';

/** Redrawing more often shows nothing more, and slows the card down. */
const REDRAW_MS = 200;
const JSON_MS = 500;
/** Without a terminal nobody wants more than this. */
const PLAIN_MS = 10_000;
const BAR_COLUMNS = 20;

type FlashRuntime = Pick<Runtime, 'stdout' | 'stderr' | 'env' | 'clock'>;

export interface FlashViewOptions {
  readonly json: boolean;
  readonly dryRun: boolean;
}

/** Events for people (results on stdout, all else on stderr) or, with `json`, one object a line on stdout. */
export function createFlashView(runtime: FlashRuntime, options: FlashViewOptions): EmitFlashEvent {
  if (options.json) return createJsonView(runtime);
  return runtime.stderr.isTTY === true
    ? createTerminalView(runtime, options)
    : createPlainView(runtime, options);
}

function createJsonView({ stdout, clock }: FlashRuntime): EmitFlashEvent {
  const pacer = new Pacer(clock, JSON_MS);
  return (event) => {
    const pace = event.type === 'progress' ? pacer.update(event.progress) : undefined;
    if (event.type === 'progress' && pace === undefined) return;
    stdout.write(`${JSON.stringify(flashJson(event, pace))}\n`);
  };
}

function createPlainView(runtime: FlashRuntime, options: FlashViewOptions): EmitFlashEvent {
  const style = styleFor(runtime.stderr, runtime.env);
  const pacer = new Pacer(runtime.clock, PLAIN_MS);
  return (event) => {
    if (event.type !== 'progress') {
      writeLines(runtime, event, options, style);
      return;
    }
    const pace = pacer.update(event.progress);
    if (pace !== undefined) runtime.stderr.write(`${progressLine(event.progress, pace, false)}\n`);
  };
}

function createTerminalView(runtime: FlashRuntime, options: FlashViewOptions): EmitFlashEvent {
  const style = styleFor(runtime.stderr, runtime.env);
  const block = new LiveBlock(runtime.stderr);
  const pacer = new Pacer(runtime.clock, REDRAW_MS);
  const lines = new Map<string, string>();
  return (event) => {
    if (event.type === 'progress') {
      const pace = pacer.update(event.progress);
      if (pace === undefined) return;
      lines.set(event.progress.drive, progressLine(event.progress, pace, true));
      block.draw([...lines.values()], (line) => line);
      return;
    }
    if (event.type === 'verdict') lines.delete(event.verdict.drive);
    block.clear();
    writeLines(runtime, event, options, style);
  };
}

/** Lets the first event of each phase of a drive through, then one every so often. */
class Pacer {
  private readonly drives = new Map<string, { meter: FlashMeter; phase: string; shownMs: number }>();

  constructor(
    private readonly clock: Runtime['clock'],
    private readonly everyMs: number,
  ) {}

  update(progress: FlashProgress): FlashPace | undefined {
    const nowMs = this.clock.monotonicMs();
    const state = this.drives.get(progress.drive) ?? {
      meter: new FlashMeter(),
      phase: '',
      shownMs: -Infinity,
    };
    this.drives.set(progress.drive, state);
    const pace = state.meter.update(progress, nowMs);
    if (state.phase === progress.phase && nowMs - state.shownMs < this.everyMs) return undefined;
    state.phase = progress.phase;
    state.shownMs = nowMs;
    return pace;
  }
}

function writeLines(
  { stdout, stderr }: FlashRuntime,
  event: Exclude<FlashEvent, { type: 'progress' }>,
  options: FlashViewOptions,
  style: Style,
): void {
  switch (event.type) {
    case 'planned': {
      const out = options.dryRun ? stdout : stderr;
      out.write(`${planLines(event.plan, options.dryRun).join('\n')}\n`);
      break;
    }
    case 'unmounted':
      stderr.write(
        style.dim(`${printable(event.drive)}: unmounted ${event.mountPoints.map(printable).join(', ')}\n`),
      );
      break;
    case 'interrupted':
      for (const drive of event.drives)
        stderr.write(`${style.red('interrupted')} ${printable(drive)}: ${INCOMPLETE}\n`);
      break;
    case 'verdict':
      if (event.verdict.kind === 'written') stdout.write(`${verdictLine(event.verdict)}\n`);
      else stderr.write(failureLines(event.verdict, style));
  }
}

function planLines(plan: FlashPlan, dryRun: boolean): string[] {
  const notes = plan.notes.map((note) => `note: ${printable(note)}`);
  const summary = `${printable(plan.image)} (${plan.formats.join(' > ')}, ${sizeText(plan)})`;
  if (!dryRun) return [...notes, summary];
  const drives = plan.drives.flatMap((drive) => [
    `would erase ${driveTitle(drive)}`,
    ...driveContents(drive).map((line) => `  ${line}`),
  ]);
  const then = [
    `then ${plan.verify ? 'verify it' : 'not verify it'}${plan.configure ? ', and configure it' : ''}`,
  ];
  return [...notes, summary, ...drives, ...then, 'nothing was written'];
}

/** What is written, and why not all of it. */
function sizeText(plan: FlashPlan): string {
  if (plan.imageBytes === undefined) return 'unpacked size not known before';
  const size = formatBytes(plan.imageBytes);
  if (plan.mappedBytes === undefined || plan.mappedBytes === plan.imageBytes) return size;
  const reasons = {
    bmap: 'by its bmap',
    holes: 'the rest are holes',
    'file-systems': 'the rest is not used by its file systems',
    whole: '',
  };
  return `${size}, of which ${formatBytes(plan.mappedBytes)} in ${count(plan.rangeCount ?? 0, 'range')} matter: ${reasons[plan.mapOrigin]}`;
}

function progressLine(progress: FlashProgress, pace: FlashPace, withBar: boolean): string {
  const { fraction, bytesPerSecond, secondsLeft } = pace;
  const total = progress.totalBytes === undefined ? '' : ` of ${formatBytes(progress.totalBytes)}`;
  const parts = [
    printable(progress.drive),
    progress.phase.padEnd(withBar ? 'configuring'.length : 0),
    withBar && fraction !== undefined ? bar(fraction) : '',
    fraction === undefined ? '' : `${Math.floor(fraction * 100)} %`.padStart(5),
    `${formatBytes(progress.doneBytes)}${total}`,
    bytesPerSecond === undefined ? '' : `${formatBytes(bytesPerSecond)}/s`,
    secondsLeft === undefined ? '' : `${formatDuration(Math.ceil(secondsLeft) * 1000)} left`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function bar(fraction: number): string {
  const filled = Math.round(fraction * BAR_COLUMNS);
  return `[${'#'.repeat(filled)}${' '.repeat(BAR_COLUMNS - filled)}]`;
}

function verdictLine(verdict: Extract<DriveVerdict, { kind: 'written' }>): string {
  const done = verdict.verifiedBytes === undefined ? 'written, not verified' : 'written and verified';
  const skipped = verdict.imageBytes - verdict.writtenBytes;
  const of =
    skipped > 0
      ? ` of ${formatBytes(verdict.imageBytes)} (${count(verdict.rangeCount, 'mapped range')})`
      : '';
  return `${printable(verdict.drive)}: ${done}: ${formatBytes(verdict.writtenBytes)}${of} in ${formatDuration(verdict.seconds * 1000)}`;
}

const INCOMPLETE = 'it is incomplete; its first MiB was left empty, so that it does not half-boot.';
const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function failureLines(verdict: Extract<DriveVerdict, { kind: 'failed' }>, style: Style): string {
  const { drive, error, phase } = verdict;
  const state = phase === 'opening' ? 'Nothing was written to it.' : capitalised(INCOMPLETE);
  const hint = error.hint === undefined ? [] : error.hint.split('\n');
  const lines = [
    `${style.red('failed')} ${printable(drive)}: ${printable(error.message)}`,
    ...hint.map((line) => `  ${printable(line)}`),
    `  ${state}`,
  ];
  return `${lines.join('\n')}\n`;
}
