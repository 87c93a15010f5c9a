import { ExitCode, RdtError } from '../errors.js';
import { connectionCut } from '../transport/connection-error.js';

export const sessionLost = (message: string): RdtError => new RdtError(message, { exitCode: ExitCode.lost });

/**
 * A connection to `where` that fails under a session, in whatever way, ends it with the exit code that ssh has for this.
 * Anything else stays as it is.
 */
export function asLost(error: unknown, where: string): unknown {
  if (!(error instanceof RdtError) || error.exitCode !== ExitCode.unreachable) return error;
  const { message, hint = '' } = connectionCut(where);
  return new RdtError(message, { exitCode: ExitCode.lost, hint, cause: error });
}
