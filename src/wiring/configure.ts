import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { ExitCode, RdtError } from '../errors.js';
import { findBootPartition, type OpenVolume } from '../image/boot-partition.js';
import type { ConfigureDialog } from '../image/configure-dialog.js';
import {
  type ConfigurePorts,
  type ConfigureRun,
  type ConfigureTarget,
  type OpenTarget,
  runConfigure,
} from '../image/configure-session.js';
import { FatVolume } from '../image/fat/fat-volume.js';
import { openFileDevice } from '../image/file/file-device.js';
import { assertUnpacked } from '../image/file/packed-image.js';
import type { GivenSettings } from '../image/given-settings.js';
import { mountedVolumes } from '../image/flash-drive.js';
import type { SettingSources } from '../image/resolve-settings.js';
import { isInteractive, type Runtime } from '../runtime.js';

/** Where a running device has its boot partition. */
const REMOTE_FOLDER = '/mnt/boot';

/** `rdt configure` with its real parts. */
export function wireConfigure(runtime: Runtime): ConfigureRun {
  const ports: ConfigurePorts = {
    openTarget: (target, access, signal) =>
      target.kind === 'medium'
        ? openMedium(resolve(runtime.cwd, target.path), access, runtime, signal)
        : openDevice(target, runtime, signal),
    readSettingsFile: (path) => readSettingsFile(resolve(runtime.cwd, path)),
    sources: wireSettingSources(runtime),
    dialog: isInteractive(runtime) ? lazyDialog(runtime) : undefined,
  };
  return (request, signal) => runConfigure(request, ports, signal);
}

/** FAT is what boot partitions are. */
export const openFatVolume: OpenVolume = (device) => FatVolume.open(device, () => new Date());

async function openMedium(
  path: string,
  access: 'read' | 'write',
  runtime: Runtime,
  signal: AbortSignal,
): Promise<OpenTarget> {
  if (access === 'write') await assertUnused(path, runtime, signal);
  const device = await openFileDevice(path, access, runtime.platform);
  try {
    await assertUnpacked(device, path);
    const partition = await findBootPartition(device, openFatVolume);
    return {
      description: `${partition.description} of ${basename(path)}`,
      files: partition.files,
      [Symbol.asyncDispose]: () => device[Symbol.asyncDispose](),
    };
  } catch (error) {
    await device[Symbol.asyncDispose]();
    throw error;
  }
}

/** A drive of the running system, or one that is mounted, must not change under the feet of its user. */
async function assertUnused(path: string, runtime: Runtime, signal: AbortSignal): Promise<void> {
  const isDrive = await stat(path).then(
    (info) => info.isBlockDevice(),
    () => false,
  );
  if (!isDrive || runtime.platform !== 'linux') return;
  const { LinuxDriveCatalog } = await import('../image/drive/linux-catalog.js');
  const drive = await new LinuxDriveCatalog(runtime.cwd).find(path, signal);
  if (drive.refusal !== undefined) throw new RdtError(`${path} cannot be configured: ${drive.refusal}`);
  const mounted = mountedVolumes(drive);
  if (mounted.length === 0) return;
  const lines = mounted.map((volume) => `${volume.path} is mounted on ${volume.mountPoints.join(' and ')}`);
  throw new RdtError(`${path} is in use`, { hint: [...lines, 'Unmount it first.'].join('\n') });
}

async function openDevice(
  target: Extract<ConfigureTarget, { kind: 'device' }>,
  runtime: Runtime,
  signal: AbortSignal,
): Promise<OpenTarget> {
  const [{ wireDiscovery }, { openDeviceSsh }, { RemoteBootFiles }] = await Promise.all([
    import('./discovery.js'),
    import('./transport.js'),
    import('../image/remote/remote-boot-files.js'),
  ]);
  const device = await wireDiscovery(runtime).findDevice(target.name, () => undefined, signal);
  const session = await openDeviceSsh(device, runtime, { identity: target.identity }, signal);
  try {
    const files = new RemoteBootFiles(session, REMOTE_FOLDER, signal);
    if ((await files.list('/')) === undefined) {
      throw new RdtError(`${device.name} has no ${REMOTE_FOLDER}, so it is no resinOS or balenaOS device`);
    }
    return {
      description: `${REMOTE_FOLDER} of ${device.name} (which it reads when it starts)`,
      files,
      [Symbol.asyncDispose]: () => session[Symbol.asyncDispose](),
    };
  } catch (error) {
    await session[Symbol.asyncDispose]();
    throw error;
  }
}

/** The file's settings, its paths from where it lies. Throws an `RdtError` (usage) with line and column. */
export async function readSettingsFile(path: string): Promise<GivenSettings> {
  const [{ parseOrRefuse }, { readGivenYaml }] = await Promise.all([
    import('../project/yaml/read-project-file.js'),
    import('../image/given-yaml.js'),
  ]);
  const text = (await readInput(path)).toString();
  const { given, problems } = readGivenYaml(await parseOrRefuse(path, text), dirname(path));
  if (problems.length === 0) return given;
  const [{ locateProblems }, { describeProblem }] = await Promise.all([
    import('../project/yaml/locate-problems.js'),
    import('../project/problem.js'),
  ]);
  const [first = '', ...more] = locateProblems(path, text, problems).map(describeProblem);
  throw new RdtError(first, { exitCode: ExitCode.usage, ...(more.length > 0 && { hint: more.join('\n') }) });
}

/** What `resolveSettings` reads, also for `rdt flash`. */
export const wireSettingSources = (runtime: Runtime): SettingSources => ({
  readFile: readInput,
  readStdin: () => readPipe(runtime),
  readCertificate: async (content, file) =>
    (await import('../image/file/certificate.js')).readCertificate(content, file),
  wifiKey: runtime.env['RDT_WIFI_KEY'] === '' ? undefined : runtime.env['RDT_WIFI_KEY'],
});

async function readInput(path: string): Promise<Buffer> {
  return readFile(path).catch((cause: unknown) => {
    throw new RdtError(`${path}: cannot be read`, { exitCode: ExitCode.usage, cause });
  });
}

async function readPipe({ stdin }: Runtime): Promise<Buffer> {
  if (stdin.isTTY === true) {
    throw new RdtError('--wifi-key-stdin reads from a pipe, and the input is a terminal', {
      hint: 'Leave the option out to be asked, or use --wifi-key-file.',
      exitCode: ExitCode.usage,
    });
  }
  return buffer(stdin);
}

/** inquirer is loaded when there is something to ask. */
const lazyDialog = (runtime: Runtime): ConfigureDialog => ({
  async ask(current, signal) {
    const { ConfigureTerminalDialog } = await import('../ui/configure-dialog.js');
    return new ConfigureTerminalDialog(runtime).ask(current, signal);
  },
});
