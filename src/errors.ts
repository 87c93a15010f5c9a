/**
 * The exit codes of every command: a stable interface, listed in the README.
 * `interrupted` is 128 + SIGINT, as shells report it.
 */
export const ExitCode = {
  ok: 0,
  failure: 1,
  usage: 2,
  noDevice: 3,
  unreachable: 4,
  buildFailed: 5,
  appFailed: 6,
  auth: 7,
  locked: 8,
  interrupted: 130,
  /** A session that was cut, as ssh reports it. */
  lost: 255,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Of an error that nobody foresaw. */
const BUG = 'this is a bug in rdt, please report it with the lines below';

/** What a command that did not succeed says of it. */
export interface Failure {
  readonly exitCode: ExitCode;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface RdtErrorOptions {
  /** What the user can do about it: one or more full sentences or command lines. */
  hint?: string | undefined;
  exitCode?: ExitCode;
  cause?: unknown;
}

/**
 * A failure that a user can meet and act on. `message` is one line: what went wrong, with names and values, never a secret.
 * Everything thrown that is not an `RdtError` (or the abort of a signal) is a bug and is shown with its stack.
 */
export class RdtError extends Error {
  override readonly name: string = 'RdtError';
  readonly hint: string | undefined;
  readonly exitCode: ExitCode;

  constructor(message: string, options: RdtErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? ExitCode.failure;
  }
}

/** `signal` is the one of the user's Ctrl-C: what fails after it does so for no other reason, unless it says that itself. */
export function failureOf(error: unknown, signal: AbortSignal): Failure {
  if (signal.aborted && !(error instanceof RdtError && error.exitCode !== ExitCode.interrupted)) {
    return { exitCode: ExitCode.interrupted, message: 'interrupted', hint: undefined };
  }
  if (!(error instanceof RdtError)) return { exitCode: ExitCode.failure, message: BUG, hint: undefined };
  const { exitCode, message, hint } = error;
  return { exitCode, message, hint };
}
