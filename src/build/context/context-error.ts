import { ExitCode, RdtError } from '../../errors.js';
import { errorCode, IN_USE_HINT, isInUse } from '../../system-error.js';

/** `O_NOFOLLOW` met a link: the file was replaced by one. */
export const isLinkNow = (error: unknown): boolean => ['ELOOP', 'EMLINK'].includes(errorCode(error) ?? '');

/** The folder cannot be built as it is: somebody has to change it. */
export class ContextError extends RdtError {
  override readonly name = 'ContextError';
}

/** No `ContextError` for a file that is in use: nobody has to change anything, so watching tries it again by itself. */
export const unreadable = (path: string, cause: unknown): RdtError => {
  const message = `Cannot read ${path}, which belongs to the build context (${errorCode(cause) ?? 'unknown error'}).`;
  if (isInUse(cause)) return new RdtError(message, { hint: IN_USE_HINT, cause });
  const hint = 'Give yourself the right to read it, or name it in .dockerignore.';
  return new ContextError(message, { exitCode: ExitCode.failure, hint, cause });
};

export const changedWhileRead = (path: string): RdtError =>
  new RdtError(`${path} changed while it was read for the build, so the build was stopped.`, {
    hint: 'Push again when it is at rest; a file that is written all the time, such as a log, belongs in .dockerignore.',
  });
