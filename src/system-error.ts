/** The `code` of a system or parser error, such as `ENOENT`; undefined for anything else. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

/** There is nothing at the path, or a part of it is no folder; perhaps any more. */
export const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errorCode(error) ?? '');

/** The file that was there has gone, or a folder or a link is in its place. */
export const isNoFile = (error: unknown): boolean =>
  isGone(error) || ['EISDIR', 'ELOOP'].includes(errorCode(error) ?? '');

/** Another program has the file open and to itself, as Windows allows; that passes. */
export const isInUse = (error: unknown): boolean => errorCode(error) === 'EBUSY';

/** What to do then. */
export const IN_USE_HINT =
  'Another program has it open and lets nobody else read it. Push again when it is closed.';
