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

/** Engines name temporary folders by a number that is another one each time, and we our own by hex digits (commit-stage.ts). */
const essenceOf = (message: string): string =>
  message.replace(/\d{5,}/g, '*').replace(/\.rdt-stage\/[0-9a-f]+/g, '*');

/** It has failed in the same way before. */
export const isLasting = ({ failedBatch }: WatchMemory, { message }: RdtError): boolean =>
  failedBatch?.essence === essenceOf(message);

/**
 * Told once, however often it is tried again, and in short for each edition of the folder that fails in the same way: whoever saves has to
 * know that it did not arrive. `edition` is undefined where nobody knows which one it was.
 */
export function tellFailure(
  memory: WatchMemory,
  emit: EmitWatchEvent,
  error: RdtError,
  edition?: number,
): void {
  const { message } = error;
  const again = isLasting(memory, error);
  const before = again ? memory.failedBatch?.edition : undefined;
  memory.failedBatch = { essence: essenceOf(message), edition: edition ?? before };
  if (again && (edition === undefined || before === undefined || edition === before)) return;
  // Its hint asks for another push, which a watch makes by itself.
  const hint = error instanceof ChangedMeanwhile ? undefined : error.hint;
  emit({ type: 'batch-failed', message, hint, again });
}
