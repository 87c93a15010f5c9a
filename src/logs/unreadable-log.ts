import { EngineError } from '../transport/engine-error.js';

const NOT_IMPLEMENTED = 501;
/** Removed between the two questions, or about to be. */
const GONE: readonly number[] = [404, 409];

/** What an engine answers whose container has a log driver that only writes, such as `none`: its log will not be there later either. */
export const isUnreadableLog = (error: unknown): boolean =>
  error instanceof EngineError && error.status === NOT_IMPLEMENTED;

export const isGoneContainer = (error: unknown): boolean =>
  error instanceof EngineError && GONE.includes(error.status);
