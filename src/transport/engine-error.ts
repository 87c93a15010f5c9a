import { RdtError, type RdtErrorOptions } from '../errors.js';

/** The engine answered, and said no. `status` is its HTTP status, the message its own words. */
export class EngineError extends RdtError {
  override readonly name = 'EngineError';

  constructor(
    readonly status: number,
    message: string,
    options: RdtErrorOptions = {},
  ) {
    super(message, options);
  }
}

/** What was asked for is not there, or not any more. */
export const isMissing = (error: unknown): boolean => error instanceof EngineError && error.status === 404;

/** Of what only a running container can do. */
export const isNotRunning = (error: unknown): boolean => error instanceof EngineError && error.status === 409;

/** No container has the name that was asked for, and more than one an id that begins so. */
export const isAmbiguousId = (error: unknown): boolean =>
  error instanceof EngineError && /multiple IDs found with provided prefix/i.test(error.message);
