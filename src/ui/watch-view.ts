import { content, isWhole, type LogLine } from '../logs/log-line.js';
import type { LogView } from '../logs/log-view.js';
import type { EmitPushEvent } from '../push/push-event.js';
import { throttled } from '../push/throttle.js';
import type { Runtime } from '../runtime.js';
import type { EmitWatchEvent } from '../watch/watch-event.js';
import { formatBytes } from './amounts.js';
import { BuildLines } from './build-lines.js';
import { shownText } from './program-output.js';
import { createJsonView } from './push-view.js';
import { styleFor } from './style.js';
import { type WatchLine, watchLines } from './watch-lines.js';

/** A large sync says how far it is this often. */
const PROGRESS_EVERY_MS = 2_000;

/** Where a watch shows what it does, and what the app prints. */
export interface WatchView {
  readonly emit: EmitWatchEvent;
  /** Resolves when there is room for more. */
  showOutput(lines: readonly LogLine[]): Promise<void>;
}

export interface WatchViewOptions {
  readonly timing: boolean;
  /** Shows the first push as one without `--watch`. */
  readonly showPush: EmitPushEvent;
  readonly log: LogView;
}

/** Lines of the app as they are, our own dim between them. After the first push nothing is drawn in place: the app's lines would get into it. */
export function createWatchView(runtime: Runtime, { timing, showPush, log }: WatchViewOptions): WatchView {
  const { stderr, env, clock } = runtime;
  const style = styleFor(stderr, env);
  let isInLine = false;
  const say = ({ text, weight }: WatchLine): void => {
    stderr.write(`${isInLine ? '\n' : ''}${style[weight](shownText(text))}\n`);
    isInLine = false;
  };
  const progress = throttled(clock, PROGRESS_EVERY_MS, (sentBytes: number, totalBytes: number) =>
    say({ text: `sending ${formatBytes(sentBytes)} of ${formatBytes(totalBytes)}`, weight: 'dim' }),
  );
  let build = new BuildLines(stderr, clock);
  let isWatching = false;
  let hasOutput = false;
  const emit: EmitWatchEvent = (event) => {
    if (event.type === 'watching') isWatching = true;
    if (event.type === 'decision') build = new BuildLines(stderr, clock);
    if (isWatching && event.type === 'sync-progress') return progress(event.sentBytes, event.totalBytes);
    const said = watchLines(event, { timing, isWatching, hasOutput });
    if (!('type' in said)) return said.forEach(say);
    if (isWatching && said.type === 'build') return build.handle(said.event);
    showPush(said);
  };
  return {
    emit,
    showOutput: (lines) => {
      hasOutput = true;
      // On a terminal each line of the app is ended; elsewhere it comes as it was printed.
      const last = lines.at(-1);
      isInLine = runtime.stdout.isTTY !== true && last !== undefined && !isWhole(last);
      return log.show(lines);
    },
  };
}

/** Events for programs: one JSON object a line on stdout, the app's lines among them. */
export function createWatchJsonView(runtime: Runtime): WatchView {
  const emit = createJsonView(runtime);
  return {
    emit,
    showOutput: (lines) => {
      for (const line of lines) emit(outputOf(line));
      return Promise.resolve();
    },
  };
}

function outputOf(line: LogLine): object {
  const { app, stream, time } = line;
  return { type: 'output', app, stream, time, text: content(line).toString() };
}
