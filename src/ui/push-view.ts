import { StringDecoder } from 'node:string_decoder';
import type { BuildEvent } from '../build/build-event.js';
import type { Decision } from '../push/decision.js';
import type { EmitPushEvent, PushEvent, PushPlan, PushResult, SyncSummary } from '../push/push-event.js';
import type { Runtime } from '../runtime.js';
import type { SyncPlan } from '../sync/sync-plan.js';
import { count, formatBytes, formatDuration } from './amounts.js';
import { shownLine, shownText } from './program-output.js';
import { ProgressLine } from './progress-line.js';
import { type Style, styleFor } from './style.js';

export interface PushViewOptions {
  readonly timing: boolean;
  /** Shows the events of a build. */
  readonly showBuild: (event: BuildEvent) => void;
}

/** Events as text for people: the plan of a dry run is a result and goes to stdout, all else to stderr. */
export function createPushView(runtime: Runtime, options: PushViewOptions): EmitPushEvent {
  const style = styleFor(runtime.stderr, runtime.env);
  const say = (text: string): void => void runtime.stderr.write(`${text}\n`);
  let verbose = false;
  const progress = new ProgressLine(runtime);
  const ruleOutput = ruleOutputFor(runtime.stderr);
  const show = (event: PushEvent): void => {
    if (event.type !== 'sync-progress') progress.clear();
    switch (event.type) {
      case 'project':
        verbose = event.verbose;
        progress.wanted = event.progress;
        return verbose ? say(style.dim(`${event.source} -> ${event.app}:${event.destination}`)) : undefined;
      case 'device':
        return verbose ? say(style.dim(`device ${event.device.name} at ${event.device.address}`)) : undefined;
      case 'warning':
        return say(`${style.yellow('warning:')} ${shownLine(event.message)}`);
      case 'decision':
        return event.decision.action === 'build' ? say(decisionLine(event.app, event.decision)) : undefined;
      case 'plan':
        return void runtime.stdout.write(planText(event.plan));
      case 'hook':
        return say(style.dim(`$ ${event.command}`));
      case 'hook-output':
        return void runtime.stderr.write(event.chunk);
      case 'rule-output':
        return void runtime.stderr.write(ruleOutput(event));
      case 'build':
        return options.showBuild(event.event);
      case 'starting':
        return say(style.dim(startingLine(event)));
      case 'rolled-back':
        return say(rolledBackLine(event));
      case 'sync-progress':
        return progress.show(event.sentBytes, event.totalBytes);
      case 'synced':
        return say(style.dim(syncLine(event.summary)));
      case 'rule':
      case 'rule-failed':
        return say(ruleLine(event, style));
      case 'phase':
        return options.timing || verbose ? say(style.dim(phaseLine(event))) : undefined;
      case 'done':
        return say(doneLine(event.result, style));
    }
  };
  return show;
}

/** Events for programs: one JSON object a line on stdout. */
export function createJsonView(runtime: Pick<Runtime, 'stdout'>): (event: object) => void {
  const decoders = new Map<string, StringDecoder>();
  return (event) => void runtime.stdout.write(`${JSON.stringify(withText(event, decoders))}\n`);
}

/** A character may be cut in two: its beginning waits for what its stream brings next. */
function withText(event: object, decoders: Map<string, StringDecoder>): object {
  if (!('chunk' in event) || !(event.chunk instanceof Uint8Array)) return event;
  const stream = JSON.stringify({ ...event, chunk: undefined });
  const decoder = decoders.get(stream) ?? new StringDecoder();
  decoders.set(stream, decoder);
  return { ...event, chunk: decoder.write(Buffer.from(event.chunk)) };
}

type EventOf<T extends PushEvent['type']> = Extract<PushEvent, { type: T }>;

const startingLine = ({ app, settleMs }: EventOf<'starting'>): string =>
  `starting ${app}, and watching its first ${formatDuration(settleMs)}`;

function rolledBackLine({ app, toPrevious, changedVolumes }: EventOf<'rolled-back'>): string {
  if (!toPrevious) return `${app} was removed again`;
  const back = `${app} is back as it was`;
  if (changedVolumes.length === 0) return back;
  const volumes = `${changedVolumes.length === 1 ? 'the volume' : 'the volumes'} ${changedVolumes.join(', ')}`;
  return `${back}, but ${volumes} may hold files of the new version`;
}

const phaseLine = ({ name, durationMs }: EventOf<'phase'>): string =>
  `${name.padEnd(8)} ${formatDuration(durationMs)}`;

const ruleLine = (event: EventOf<'rule' | 'rule-failed'>, style: Style): string =>
  event.type === 'rule'
    ? style.dim(`in the container: $ ${event.command}`)
    : `${style.yellow('warning:')} ${shownText(event.message)}: ${event.command}`;

/** Of the container, so a terminal gets nothing that it would act on. A character may be cut in two, and so may a sequence: then it is written out. */
function ruleOutputFor({ isTTY }: Runtime['stderr']): (event: EventOf<'rule-output'>) => string | Uint8Array {
  if (isTTY !== true) return ({ chunk }) => chunk;
  const decoders = { stdout: new StringDecoder(), stderr: new StringDecoder() };
  return ({ stream, chunk }) => shownText(decoders[stream].write(Buffer.from(chunk)));
}

const decisionLine = (app: string, { action, reasons }: Decision): string =>
  `${action === 'build' ? 'building' : 'syncing'} ${app}: ${reasons.join('; ')}`;

function syncLine({ files, deleted, bytes }: SyncSummary): string {
  const parts = [`${count(files, 'file')} (${formatBytes(bytes)})`];
  if (deleted > 0) parts.push(`${deleted} deleted`);
  return `sent ${parts.join(', ')}`;
}

function doneLine({ action, app, exitCode, durationMs }: PushResult, style: Style): string {
  const built = exitCode === undefined ? 'built and running' : `built, and ended with exit code ${exitCode},`;
  const what = { build: built, sync: 'synced', none: 'up to date' }[action];
  return `${style.green(app)} ${what} in ${formatDuration(durationMs)}`;
}

function planText({ app, decision, context, sync, effect }: PushPlan): string {
  const lines = [decisionLine(app, decision), ...planLines(context, sync), `app: ${effect}`];
  return `${lines.join('\n')}\n`;
}

function planLines(context: readonly string[], { uploads, deletions, obstacles }: SyncPlan): string[] {
  const deleted = [...obstacles, ...deletions].map(({ path }) => path);
  return [
    ...Array.from(new Set([...context, ...uploads]), (path) => `  send   ${quoted(path)}`),
    ...deleted.map((path) => `  delete ${quoted(path)}`),
  ];
}

/** A name with control characters must not act on the terminal, nor look like two lines. */
const quoted = (path: string): string => (/\p{Cc}/u.test(path) ? JSON.stringify(path) : path);
