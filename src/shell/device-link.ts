import type { Engine } from '../transport/engine.js';
import type { SshSession } from '../transport/ssh-session.js';

/**
 * The ways into one device, each opened when it is first asked for; through ssh there is one connection for all of it.
 * Both reject as `openEngine` and `openSsh` do.
 */
export interface DeviceLink extends AsyncDisposable {
  readonly engineIsOverTcp: boolean;
  engine(): Promise<Engine>;
  ssh(): Promise<SshSession>;
}
