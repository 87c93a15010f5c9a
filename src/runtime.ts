import type { Readable, Writable } from 'node:stream';

/** What a command may know of the process it runs in; nothing under `src/` but `main.ts` reads `process` itself. */
export interface Runtime {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly platform: NodeJS.Platform;
  readonly stdin: Readable & { isTTY?: boolean; setRawMode?(isRaw: boolean): unknown };
  readonly stdout: Writable & { isTTY?: boolean; columns?: number; rows?: number };
  readonly stderr: Writable & { isTTY?: boolean; columns?: number };
  /** Aborted by the first SIGINT, SIGTERM, SIGHUP or SIGQUIT. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface Clock {
  /** Milliseconds of a clock that never goes back. */
  monotonicMs(): number;
  /** Wall clock, milliseconds since 1970. */
  wallMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when it is aborted first. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** True when a person sits at both ends, so that asking makes sense. */
export const isInteractive = (runtime: Runtime): boolean =>
  runtime.stdin.isTTY === true && runtime.stderr.isTTY === true;
