import type { Discovery } from '../discovery/discovery.js';
import type { ExitCode } from '../errors.js';
import type { FlashRun } from '../image/flash-session.js';
import type { PushRequest } from '../push/push-project.js';
import type { Runtime } from '../runtime.js';
import type { KnownHostsStore } from '../transport/host-key-check.js';

/** How a push is shown, and who it is that pushes. */
export interface PushOptions {
  readonly json: boolean;
  readonly timing: boolean;
  readonly verbose: boolean;
  /** Private keys for ssh, as typed. */
  readonly identity: readonly string[];
}

/** Loaders of the wired adapters. Each is imported when its command runs, so that `rdt --help` loads none of them. */
export interface Wiring {
  flash(): Promise<FlashRun>;
  discovery(): Promise<Discovery>;
  knownHosts(): Promise<KnownHostsStore>;
  push(options: PushOptions): Promise<(request: PushRequest) => Promise<void>>;
}

/** What a command is given: the process, the wired adapters, and a place for an exit code that is not an error. */
export interface CommandDeps {
  readonly runtime: Runtime;
  readonly wiring: Wiring;
  /** For results that are not failures but still not 0, such as a remote command's own exit code. */
  setExitCode(code: ExitCode | number): void;
}
