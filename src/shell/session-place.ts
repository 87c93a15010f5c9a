import type { ExecSession } from '../transport/engine.js';

/** Where a session is about to run, with all that has to be known for it. */
export interface SessionPlace {
  /** What the connection is to, for messages. */
  readonly where: string;
  start(signal: AbortSignal): Promise<ExecSession>;
  /** Asks whether the other side is still there; undefined when the connection notices by itself. */
  readonly ask: ((signal: AbortSignal) => Promise<void>) | undefined;
}
