import { printable } from '../discovery/printable.js';
import type { PushEvent } from '../push/push-event.js';
import type { AppChange, BatchSummary, BatchTiming, WatchEvent } from '../watch/watch-event.js';
import { count, formatDuration } from './amounts.js';
import { shownLine } from './program-output.js';
import type { Style } from './style.js';

export interface WatchLine {
  readonly text: string;
  readonly weight: keyof Style;
}

export interface WatchScene {
  /** `--timing` */
  readonly timing: boolean;
  /** The first push has ended. */
  readonly isWatching: boolean;
  /** The app's lines are shown anyway. */
  readonly hasOutput: boolean;
}

type Lines = readonly WatchLine[];

/** What is said of an event; the event itself when a push without `--watch` shows it in the same way. */
export const watchLines = (event: PushEvent | WatchEvent, scene: WatchScene): Lines | PushEvent => {
  if (isOfWatch(event)) return ownLines(event, scene);
  return scene.isWatching ? pushLines(event) : event;
};

const OWN_TYPES: Readonly<Record<WatchEvent['type'], true>> = {
  watching: true,
  batch: true,
  'batch-timing': true,
  'batch-failed': true,
  'changes-wait': true,
  'build-restarted': true,
  'build-failed': true,
  'project-refused': true,
  'project-changed': true,
  'app-exited': true,
  'app-changed': true,
  'device-lost': true,
  'device-back': true,
};

const isOfWatch = (event: PushEvent | WatchEvent): event is WatchEvent => event.type in OWN_TYPES;

function ownLines(event: WatchEvent, scene: WatchScene): Lines {
  switch (event.type) {
    case 'watching':
      return dim(`watching (${event.how}); Ctrl-C ends, and ${printable(event.app)} runs on`);
    case 'batch':
      return dim(batchLine(event.batch));
    case 'batch-timing':
      return scene.timing ? dim(timingLine(event.timing)) : [];
    case 'batch-failed':
      if (event.again) return dim(`still not synced: ${firstLine(event.message)}`);
      return warning(`${clause(event.message)}; nothing is lost, the next change tries again`, event.hint);
    case 'changes-wait':
      return dim('a change waits for the build');
    case 'build-restarted':
      return dim(`${event.reasons.join('; ')}: the build starts again`);
    case 'build-failed':
      return buildFailed(event);
    case 'project-refused':
      return warning(`${clause(event.message)}; what it said before holds on`, event.hint);
    case 'project-changed':
      return dim('.resin-sync.yml changed');
    case 'app-exited':
      return exited(event, scene);
    case 'app-changed':
      return dim(`${printable(event.app)} ${CHANGES[event.what]}`);
    case 'device-lost':
      return warning(`${clause(event.reason)}. Trying again (Ctrl-C ends).`, event.hint);
    case 'device-back':
      return dim(`in step again after ${formatDuration(event.afterMs)}`);
  }
}

/** A push in the background has less to say than the first one. */
function pushLines(event: PushEvent): Lines | PushEvent {
  if (event.type === 'decision') {
    const { action } = event.decision;
    if (action === 'sync') return [];
    return dim(`building ${event.app} anew in the background: ${event.decision.reasons.join('; ')}`);
  }
  if (event.type === 'done') return event.result.action === 'none' ? [] : event;
  return UNSAID.has(event.type) ? [] : event;
}

/** Progress is drawn in place, and the rest is known. */
const UNSAID: ReadonlySet<PushEvent['type']> = new Set(['project', 'device', 'sync-progress']);

const CHANGES: Readonly<Record<AppChange, string>> = {
  removed: 'was removed: it is built again',
  replaced: 'was replaced by somebody else: it is compared with the folder',
  restarted: 'was restarted by somebody else',
  paused: 'is paused: changes wait until it goes on',
  resumed: 'goes on',
};

const EFFECTS: Readonly<Record<BatchSummary['effect'], string>> = {
  restarted: 'restarted',
  'restarted-process': 'process restarted',
  started: 'started',
  signalled: 'signalled',
  none: 'synced',
};

function batchLine({ files, deleted, effect, durationMs }: BatchSummary): string {
  const parts = files > 0 || deleted === 0 ? [count(files, 'file')] : [];
  if (deleted > 0) parts.push(`${deleted} deleted`);
  return `${parts.join(', ')} -> ${EFFECTS[effect]} in ${formatDuration(durationMs)}`;
}

function timingLine({ firstLineMs, ...timing }: BatchTiming): string {
  const { detectMs, scanMs, packMs, transferMs, applyMs, restartMs } = timing;
  const steps = [
    ['detect', detectMs],
    ['scan', scanMs],
    ['pack', packMs],
    [applyMs === undefined ? 'transfer and apply' : 'transfer', transferMs],
    ...(applyMs === undefined ? [] : [['apply', applyMs] as const]),
    ['restart', restartMs],
    ...(firstLineMs === undefined ? [] : [['first line', firstLineMs] as const]),
  ] as const;
  return steps.map(([name, ms]) => `${name} ${ms.toFixed(1)} ms`).join(', ');
}

const firstLine = (message: string): string => message.replace(/\n.*/s, '');

/** Some messages are sentences. */
const clause = (message: string): string => message.replace(/\.$/, '');

function buildFailed(event: Extract<WatchEvent, { type: 'build-failed' }>): Lines {
  const outlook = event.oldAppRuns
    ? 'the old app runs on, and the next change tries again'
    : 'the next change tries again';
  if (event.again) return dim(`the build fails as before; ${outlook}`);
  return [{ text: event.message, weight: 'red' }, ...hintLines(event.hint), { text: outlook, weight: 'dim' }];
}

function exited(
  { app, exitCode, restarts, lastLines }: Extract<WatchEvent, { type: 'app-exited' }>,
  { hasOutput }: WatchScene,
): Lines {
  const outlook = restarts ? 'the engine starts it again' : 'the next change starts it again';
  const last = hasOutput
    ? []
    : lastLines.map((line) => ({ text: `  ${shownLine(line)}`, weight: 'dim' as const }));
  const text = `${printable(app)} ended with exit code ${exitCode}; ${outlook}`;
  return [{ text, weight: exitCode === 0 ? 'dim' : 'yellow' }, ...last];
}

const dim = (text: string): Lines => [{ text, weight: 'dim' }];

const warning = (text: string, hint: string | undefined): Lines => [
  { text, weight: 'yellow' },
  ...hintLines(hint),
];

const hintLines = (hint: string | undefined): Lines =>
  hint === undefined ? [] : hint.split('\n').map((line) => ({ text: `  ${line}`, weight: 'dim' }));
