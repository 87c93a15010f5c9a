import { ExitCode, RdtError } from '../errors.js';

export const sessionLost = (message: string): RdtError => new RdtError(message, { exitCode: ExitCode.lost });

/** A connection that fails under a session ends it with the exit code that ssh has for this. Anything else stays as it is. */
export function asLost(error: unknown): unknown {
  if (!(error instanceof RdtError) || error.exitCode !== ExitCode.unreachable) return error;
  const { message, hint } = error;
  return new RdtError(message, {
    exitCode: ExitCode.lost,
    cause: error,
    ...(hint !== undefined && { hint }),
  });
}
