import { RdtError } from '../errors.js';
import { EngineError } from '../transport/engine-error.js';
import type { HeldDeps } from './push-job.js';

/** An engine that shuts down goes on to answer for a while, and refuses what it is asked for reasons of its own. */
const SHUTDOWN_MS = 2_000;

/** Why `failure` came: an engine that has refused something and does not answer any more a moment later was about to end. */
export async function goneMeanwhile(
  failure: unknown,
  { engine, clock, lost }: Pick<HeldDeps, 'engine' | 'clock' | 'lost'>,
): Promise<unknown> {
  if (!(failure instanceof EngineError)) return failure;
  try {
    await clock.sleep(SHUTDOWN_MS, lost);
    await engine.ping(lost);
    return failure;
  } catch (error) {
    return error instanceof RdtError && !(error instanceof EngineError) ? error : failure;
  }
}
