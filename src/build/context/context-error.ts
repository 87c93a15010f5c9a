import { ExitCode, RdtError } from '../../errors.js';
import { errorCode } from '../../system-error.js';

/** `O_NOFOLLOW` met a link: the file was replaced by one. */
export const isLinkNow = (error: unknown): boolean => ['ELOOP', 'EMLINK'].includes(errorCode(error) ?? '');

/** The folder cannot be built as it is: somebody has to change it. */
export class ContextError extends RdtError {
  override readonly name = 'ContextError';
}

export const unreadable = (path: string, cause: unknown): ContextError =>
  new ContextError(
    `Cannot read ${path}, which belongs to the build context (${errorCode(cause) ?? 'unknown error'}).`,
    {
      exitCode: ExitCode.failure,
      hint: 'Give yourself the right to read it, or name it in .dockerignore.',
      cause,
    },
  );

export const changedWhileRead = (path: string): RdtError =>
  new RdtError(`${path} changed while it was read for the build, so the build was stopped.`, {
    hint: 'Push again when it is at rest; a file that is written all the time, such as a log, belongs in .dockerignore.',
  });
