import type { Device } from '../discovery/device.js';
import { ExitCode, RdtError } from '../errors.js';
import type { JournalRequest } from '../logs/show-journal.js';
import type { LogView } from '../logs/log-view.js';
import { type LogsRequest, showLogs } from '../logs/show-logs.js';
import { readProjectFile } from '../project/yaml/read-project-file.js';
import { isInteractive, type Runtime } from '../runtime.js';
import type { ContainerChooser } from '../shell/find-container.js';
import { createLogView, type LogViewOptions } from '../ui/log-view.js';
import { wireDiscovery } from './discovery.js';
import { openDeviceEngine, openDeviceSsh } from './transport.js';

/** How logs are shown, and with which keys rdt logs in. */
export interface LogsOptions extends LogViewOptions {
  /** Private keys for ssh, as typed. */
  readonly identity: readonly string[];
}

/** `rdt logs` with its real parts. */
export interface LogsRun {
  containers(request: LogsRequest): Promise<void>;
  host(request: JournalRequest): Promise<void>;
}

export function wireLogs(runtime: Runtime, options: LogsOptions): LogsRun {
  const { clock, signal } = runtime;
  const view: LogView = createLogView(runtime, options);
  const discovery = wireDiscovery(runtime);
  const findDevice = (target: string | undefined): Promise<Device> =>
    discovery.findDevice(target, () => undefined, signal);
  return {
    containers: (request) =>
      showLogs(request, {
        clock,
        signal,
        view,
        findDevice,
        connect: (device) => openDeviceEngine(device, runtime, options),
        projectApp: () => projectApp(runtime),
        chooser: isInteractive(runtime) ? lazyChooser(runtime) : undefined,
      }),
    async host(request) {
      const [{ showJournal }, { shellCommand }] = await Promise.all([
        import('../logs/show-journal.js'),
        import('../transport/ssh/shell-command.js'),
      ]);
      const openSsh = (device: Device) => openDeviceSsh(device, runtime, options);
      await showJournal(request, { clock, signal, view, findDevice, openSsh, shellCommand });
    },
  };
}

/** A project file that is wrong is no reason not to look at a log. */
async function projectApp({ cwd, stderr }: Runtime): Promise<string | undefined> {
  try {
    return (await readProjectFile(cwd)).settings.appName;
  } catch (error) {
    if (!(error instanceof RdtError && error.exitCode === ExitCode.usage)) throw error;
    stderr.write(`rdt: ${error.message}\n`);
    return undefined;
  }
}

const lazyChooser = (runtime: Runtime): ContainerChooser => ({
  async choose(containers, signal) {
    const { ContainerPicker } = await import('../ui/container-picker.js');
    return new ContainerPicker(runtime).choose(containers, signal);
  },
});
