import { DEVICE_SSH_PORT, type Device } from '../discovery/device.js';
import { parseTarget, type Target } from '../discovery/target.js';
import { ExitCode, RdtError } from '../errors.js';
import { readProjectFile } from '../project/yaml/read-project-file.js';
import { isInteractive, type Runtime } from '../runtime.js';
import type { DeviceLink } from '../shell/device-link.js';
import type { ContainerChooser } from '../shell/find-container.js';
import { runShell } from '../shell/run-shell.js';
import type { ShellDeps } from '../shell/shell-deps.js';
import type { EmitShellEvent } from '../shell/shell-event.js';
import type { ShellRequest } from '../shell/shell-request.js';
import { TcpPortListener } from '../shell/tcp/tcp-port-listener.js';
import type { Engine } from '../transport/engine.js';
import { shellCommand } from '../transport/ssh/shell-command.js';
import type { SshConnection } from '../transport/ssh/ssh-connection.js';
import { endpoint } from '../transport/tcp/connect-tcp.js';
import { type AtProcessEnd, RawTerminal } from '../ui/raw-terminal.js';
import { createShellView } from '../ui/shell-view.js';
import { wireDiscovery } from './discovery.js';
import { engineOverSsh, engineOverTcp, openDeviceSsh, type TransportOptions } from './transport.js';

export interface SshOptions {
  /** Private keys for ssh, as typed. */
  readonly identity: readonly string[];
  readonly verbose: boolean;
}

/** `rdt ssh` with its real parts; answers the exit code of what ran. */
export function wireSsh(
  runtime: Runtime,
  { identity, verbose }: SshOptions,
): (request: ShellRequest) => Promise<number> {
  const emit = createShellView(runtime, verbose);
  const transport: TransportOptions = {
    identity,
    onAttempt: (attempt) => emit({ type: 'ssh', attempt }),
  };
  const deps: ShellDeps = {
    findDevice: ({ target, sshPort }) => findDevice(target, sshPort, runtime),
    link: (device) => new WiredLink(device, runtime, transport),
    shellCommand,
    chooser: isInteractive(runtime) ? lazyChooser(runtime) : undefined,
    projectApp: () => projectApp(runtime.cwd, emit),
    listener: new TcpPortListener(),
    streams: runtime,
    terminal: new RawTerminal(runtime, atProcessEnd),
    locale: localeOf(runtime.env),
    clock: runtime.clock,
    emit,
    signal: runtime.signal,
  };
  return (request) => runShell(request, deps);
}

/** A port that is not the usual one is part of where to look, unless the target names ports itself. */
async function findDevice(
  target: string | undefined,
  sshPort: number | undefined,
  runtime: Runtime,
): Promise<Device> {
  const asked =
    sshPort === undefined || target === undefined
      ? target
      : (withSshPort(parseTarget(target), sshPort) ?? target);
  const device = await wireDiscovery(runtime).findDevice(asked, () => undefined, runtime.signal);
  return sshPort === undefined ? device : { ...device, sshPort };
}

function withSshPort(target: Target, port: number): string | undefined {
  const { ports } = target;
  if (port === DEVICE_SSH_PORT && ports.type === 'usual') return undefined;
  if (ports.type !== 'usual' && (ports.type !== 'ssh' || ports.port !== undefined)) return undefined;
  const user = ports.type === 'ssh' && ports.user !== undefined ? `${ports.user}@` : '';
  const host = target.type === 'address' ? target.address : target.name;
  return `ssh://${user}${endpoint(host, port)}`;
}

class WiredLink implements DeviceLink {
  readonly engineIsOverTcp: boolean;
  private opened: { connection?: Promise<SshConnection>; engine?: Promise<Engine> } = {};

  constructor(
    private readonly device: Device,
    private readonly runtime: Runtime,
    private readonly options: TransportOptions,
  ) {
    this.engineIsOverTcp = device.engine !== undefined;
  }

  ssh(): Promise<SshConnection> {
    this.opened.connection ??= openDeviceSsh(this.device, this.runtime, this.options);
    return this.opened.connection;
  }

  engine(): Promise<Engine> {
    const { engine } = this.device;
    this.opened.engine ??=
      engine === undefined ? this.ssh().then(engineOverSsh) : Promise.resolve(engineOverTcp(engine));
    return this.opened.engine;
  }

  /** What could not be opened was told to whoever asked for it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { engine, connection } = this.opened;
    for (const opened of await Promise.allSettled([engine, connection])) {
      if (opened.status === 'fulfilled') await opened.value?.[Symbol.asyncDispose]();
    }
  }
}

/** A project file that is wrong is no reason not to look into a container. */
async function projectApp(folder: string, emit: EmitShellEvent): Promise<string | undefined> {
  try {
    return (await readProjectFile(folder)).settings.appName;
  } catch (error) {
    if (!(error instanceof RdtError && error.exitCode === ExitCode.usage)) throw error;
    emit({ type: 'warning', message: error.message });
    return undefined;
  }
}

const lazyChooser = (runtime: Runtime): ContainerChooser => ({
  async choose(containers, signal) {
    const { ContainerPicker } = await import('../ui/container-picker.js');
    return new ContainerPicker(runtime).choose(containers, signal);
  },
});

/** As ssh sends it by default. */
const localeOf = (env: Runtime['env']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && /^(LANG|LC_[A-Z]+)$/.test(entry[0]),
    ),
  );

/** An error that nobody caught is printed before the process ends, by then on a terminal that works. */
const atProcessEnd: AtProcessEnd = (listener) => {
  const events = ['exit', 'uncaughtExceptionMonitor'] as const;
  for (const event of events) process.on(event, listener);
  return {
    [Symbol.dispose]: () => {
      for (const event of events) process.off(event, listener);
    },
  };
};
