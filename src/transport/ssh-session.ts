import type { Duplex, Readable, Writable } from 'node:stream';

/**
 * One ssh connection to a device; carries many streams at once. Contract of every method: a connection that fails or drops is an
 * `RdtError` with exit code 4, also for the streams that are open; an aborted signal rejects with its reason.
 */
export interface SshSession extends AsyncDisposable {
  /** For messages: `ssh://root@10.0.0.5:22222`. */
  readonly description: string;
  /** Resolves when the connection is over, by whomever. */
  readonly closed: Promise<void>;
  /** Runs a command line in the user's shell; build it from values with `shellCommand` only. */
  exec(command: string, options: SshExecOptions, signal?: AbortSignal): Promise<SshProcess>;
  /** The user's own shell, on a terminal. */
  shell(terminal: SshTerminal, signal?: AbortSignal): Promise<SshProcess>;
  /** A TCP connection made by the device (`direct-tcpip`); rejects with an `RdtError` (exit code 4) when it refuses or cannot. */
  forwardOut(host: string, port: number, signal?: AbortSignal): Promise<Duplex>;
  /** A connection to a unix socket on the device; rejects with an `RdtError` (exit code 4) when there is none, or the server cannot do it (dropbear). */
  dialUnixSocket(path: string, signal?: AbortSignal): Promise<Duplex>;
}

export interface SshTerminal {
  /** As in `TERM`. */
  readonly type: string;
  readonly columns: number;
  readonly rows: number;
}

export interface SshExecOptions {
  readonly terminal?: SshTerminal;
  /** Servers take only variables that they know (`AcceptEnv`), mostly `LANG` and `LC_*`, and ignore the rest. */
  readonly env?: Readonly<Record<string, string>>;
}

export type SshExit =
  | { readonly kind: 'exited'; readonly code: number }
  /** Without `SIG`: `TERM`. */
  | { readonly kind: 'killed'; readonly signal: string };

/** A running command. With a terminal all output is in `stdout`. `stdin.end()` is EOF for it; both outputs must be read or destroyed. */
export interface SshProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves after both outputs have ended; rejects when the connection is lost before the command has ended. */
  readonly exit: Promise<SshExit>;
  resize(columns: number, rows: number): void;
}
