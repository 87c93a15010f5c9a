import { resolve } from 'node:path';
import { ImageOpener } from '../image/decode/open-image.js';
import { proxyFromEnvironment } from '../image/decode/proxy-choice.js';
import type { FlashDialog } from '../image/flash-consent.js';
import type { DriveAccess, DriveCatalog } from '../image/flash-drive.js';
import type { CardConfiguration, FlashSettings } from '../image/flash-configuration.js';
import { runFlash, type FlashRun } from '../image/flash-session.js';
import { isInteractive, type Runtime } from '../runtime.js';

const DOWNLOAD_STALL_MS = 30_000;
const DOWNLOAD_RETRY_DELAYS_MS = [500, 1000, 2000, 5000, 10_000] as const;

/** Flashing on the real drives of this machine. */
export async function wireFlash(runtime: Runtime): Promise<FlashRun> {
  const { stdin, cwd, clock, env } = runtime;
  const opener = new ImageOpener({
    stdin,
    cwd,
    download: {
      stallMs: DOWNLOAD_STALL_MS,
      retryDelaysMs: DOWNLOAD_RETRY_DELAYS_MS,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      proxyFor: (url) => proxyFromEnvironment(url, env),
    },
  });
  const drives = await wireDrives(runtime);
  const ports = {
    ...drives,
    prepareConfiguration: (settings: FlashSettings) => prepare(settings, runtime),
    openImage: opener.open.bind(opener),
    dialog: isInteractive(runtime) ? lazyDialog(runtime) : undefined,
    clock,
  };
  return (request, emit, signal) => runFlash(request, ports, emit, signal);
}

async function wireDrives({
  cwd,
  platform,
}: Runtime): Promise<{ catalog: DriveCatalog; access: DriveAccess }> {
  if (platform === 'linux') {
    const { LinuxDriveCatalog } = await import('../image/drive/linux-catalog.js');
    const { LinuxDriveAccess } = await import('../image/drive/linux-access.js');
    const catalog = new LinuxDriveCatalog(cwd);
    return { catalog, access: new LinuxDriveAccess(catalog) };
  }
  const { DrivelistCatalog } = await import('../image/drive/drivelist-catalog.js');
  const { EtcherAccess } = await import('../image/drive/etcher-access.js');
  const { createEtcherDevice, listByDrivelist } = await import('../image/drive/etcher-packages.js');
  const catalog = new DrivelistCatalog(cwd, listByDrivelist);
  return { catalog, access: new EtcherAccess(catalog, createEtcherDevice) };
}

/** FAT, keyfiles and YAML are loaded when a card is to be set up. */
async function prepare(settings: FlashSettings, runtime: Runtime): Promise<CardConfiguration | undefined> {
  if (Object.keys(settings.given).length === 0 && settings.from === undefined) return undefined;
  const [{ prepareConfiguration }, { openFatVolume, readSettingsFile, wireSettingSources }] =
    await Promise.all([import('../image/flash-configuration.js'), import('./configure.js')]);
  return prepareConfiguration(settings, {
    readSettingsFile: (path) => readSettingsFile(resolve(runtime.cwd, path)),
    sources: wireSettingSources(runtime),
    openVolume: openFatVolume,
  });
}

/** inquirer is loaded when there is something to ask. */
const lazyDialog = (runtime: Runtime): FlashDialog => {
  const load = async (): Promise<FlashDialog> => {
    const { FlashTerminalDialog } = await import('../ui/flash-dialog.js');
    return new FlashTerminalDialog(runtime);
  };
  return {
    chooseDrive: async (list, signal) => (await load()).chooseDrive(list, signal),
    confirm: async (plan, signal) => (await load()).confirm(plan, signal),
    typeName: async (drive, why, signal) => (await load()).typeName(drive, why, signal),
  };
};
