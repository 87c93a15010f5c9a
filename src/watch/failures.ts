import { ContextError } from '../build/context/context-error.js';
import { ExitCode, RdtError } from '../errors.js';
import { AppNotRestarted } from '../push/app-not-restarted.js';
import { ChangedMeanwhile } from '../sync/commit-request.js';
import { EngineError } from '../transport/engine-error.js';
import type { EmitWatchEvent } from './watch-event.js';
import type { WatchMemory } from './watch-memory.js';

/** The device does not answer, or cannot be worked with just now; it may come back by itself. */
export const isAbsence = (error: RdtError): boolean =>
  error instanceof EngineError
    ? UNAVAILABLE.has(error.status)
    : error.exitCode === ExitCode.unreachable || error.exitCode === ExitCode.locked;

/** Of an engine that starts, or is about to end. */
const UNAVAILABLE: ReadonlySet<number> = new Set([502, 503]);

/** Answered to a question that a healthy engine can answer: it starts, or is about to end. */
export const isEngineTrouble = (error: unknown): error is EngineError =>
  error instanceof EngineError && error.status >= 500;

/** The folder cannot be built, the image did not build, or what was built did not run: either way the old app runs on. */
export const isBuildFailure = (error: unknown): error is RdtError =>
  error instanceof ContextError ||
  (error instanceof RdtError &&
    !(error instanceof AppNotRestarted) &&
    (error.exitCode === ExitCode.buildFailed || error.exitCode === ExitCode.appFailed));

export const essenceOf = (message: string): string => message.replace(/\d{5,}/g, '*');

/** Told once, however often it is tried again. Engines name temporary folders by a number that is another one each time. */
export function tellFailure(memory: WatchMemory, emit: EmitWatchEvent, error: RdtError): void {
  const { message } = error;
  const essence = essenceOf(message);
  if (memory.failedBatch === essence) return;
  memory.failedBatch = essence;
  // Its hint asks for another push, which a watch makes by itself.
  const hint = error instanceof ChangedMeanwhile ? undefined : error.hint;
  emit({ type: 'batch-failed', message, hint });
}
