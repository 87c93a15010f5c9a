import type { Device } from '../discovery/device.js';
import type { Clock } from '../runtime.js';
import type { DeviceLink } from './device-link.js';
import type { ContainerChooser } from './find-container.js';
import type { LocalTerminal } from './local-terminal.js';
import type { PortListener } from './port-listener.js';
import type { LocalStreams } from './session.js';
import type { EmitShellEvent } from './shell-event.js';
import type { ShellRequest } from './shell-request.js';

export interface ShellDeps {
  findDevice(request: Pick<ShellRequest, 'target' | 'sshPort'>): Promise<Device>;
  link(device: Device): DeviceLink;
  /** One line for the device's own shell that runs exactly these words. */
  readonly shellCommand: (argv: readonly string[]) => string;
  readonly chooser: ContainerChooser | undefined;
  readonly projectApp: () => Promise<string | undefined>;
  readonly listener: PortListener;
  readonly streams: LocalStreams;
  readonly terminal: LocalTerminal;
  /** `LANG` and `LC_*` of the user. */
  readonly locale: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly emit: EmitShellEvent;
  readonly signal: AbortSignal;
}
