import type { Discovery } from '../discovery/discovery.js';
import type { ConfigureRun } from '../image/configure-session.js';
import type { FlashRun } from '../image/flash-session.js';
import type { PushRequest } from '../push/push-project.js';
import type { Runtime } from '../runtime.js';
import type { ShellRequest } from '../shell/shell-request.js';
import type { LogsOptions, LogsRun } from '../wiring/logs.js';
import type { PushOptions } from '../wiring/push.js';
import type { SshOptions } from '../wiring/ssh.js';
import type { KnownHostsStore } from '../transport/host-key-check.js';

/** Loaders of the wired adapters. Each is imported when its command runs, so that `rdt --help` loads none of them. */
export interface Wiring {
  configure(): Promise<ConfigureRun>;
  flash(): Promise<FlashRun>;
  discovery(): Promise<Discovery>;
  knownHosts(): Promise<KnownHostsStore>;
  logs(options: LogsOptions): Promise<LogsRun>;
  push(options: PushOptions): Promise<(request: PushRequest) => Promise<void>>;
  ssh(options: SshOptions): Promise<(request: ShellRequest) => Promise<number>>;
}

/** What a command is given: the process, the wired adapters, and a place for an exit code that is not an error. */
export interface CommandDeps {
  readonly runtime: Runtime;
  readonly wiring: Wiring;
  /** The whole command line: commander does not tell which words came after `--`. */
  readonly args: readonly string[];
  /** For results that are not failures but still not 0, such as a remote command's own exit code. */
  setExitCode(code: number): void;
}
