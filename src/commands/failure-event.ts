import { failureOf } from '../errors.js';
import type { Runtime } from '../runtime.js';

/** With `--json` the last event of a command that did not succeed; stderr says it, too. */
export async function tellingFailure(
  json: boolean,
  { stdout, signal }: Runtime,
  work: Promise<void>,
): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (json) stdout.write(`${JSON.stringify({ type: 'failed', ...failureOf(error, signal) })}\n`);
    throw error;
  }
}
