import { printable } from '../discovery/printable.js';
import { mountedVolumes, type Drive, type Volume } from '../image/flash-drive.js';
import { formatBytes } from './amounts.js';

/** `/dev/sdb  31.9 GB  Generic SD/MMC  usb`. */
export const driveTitle = (drive: Drive): string =>
  [
    printable(drive.path),
    drive.kind === 'file' && drive.sizeBytes === 0 ? 'new file' : formatBytes(drive.sizeBytes),
    drive.kind === 'file' ? 'image file' : drive.model && printable(drive.model),
    drive.bus,
  ]
    .filter((part) => part !== undefined)
    .join('  ');

/** What is on it, one line a volume: `/dev/sdb1  41.9 MB  vfat "resin-boot"  mounted at /media/me/resin-boot`. */
export function driveContents(drive: Drive): string[] {
  const volumes = drive.volumes.filter(
    (volume) => volume.path !== drive.path || volume.fsType !== undefined || isMounted(volume),
  );
  if (drive.kind === 'disk' && volumes.length === 0) return ['nothing that this machine knows'];
  return volumes.map(describeVolume);
}

function describeVolume(volume: Volume): string {
  const label = volume.label === undefined ? '' : ` "${printable(volume.label)}"`;
  const places = isMounted(volume) ? `mounted at ${volume.mountPoints.map(printable).join(', ')}` : '';
  return [
    printable(volume.path),
    formatBytes(volume.sizeBytes),
    `${volume.fsType ?? volume.type}${label}`,
    places,
  ]
    .filter((part) => part !== '')
    .join('  ');
}

const isMounted = (volume: Volume): boolean => volume.mountPoints.length > 0;

/** One row of a list to choose from. */
export function driveRow(drive: Drive): string {
  const labels = drive.volumes.map((volume) => volume.label).filter((label) => label !== undefined);
  const places = mountedVolumes(drive).flatMap((volume) => volume.mountPoints);
  const contents = labels.length === 0 ? '' : `[${labels.map(printable).join(', ')}]`;
  const mounted = places.length === 0 ? '' : `mounted at ${places.map(printable).join(', ')}`;
  return [driveTitle(drive), contents, mounted].filter((part) => part !== '').join('  ');
}
