import type { Drive, FilePlace } from './flash-drive.js';

/** Larger drives are rarely cards: they need more than a yes. */
export const LARGE_DRIVE_BYTES = 128_000_000_000;

/**
 * What it takes to write a drive: nothing can make it right, a yes is enough, or the user has to show that this very drive is meant.
 */
export type Standing =
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'needs-name'; readonly why: string }
  | { readonly kind: 'needs-yes' };

export interface ImageNeeds {
  /** The image's size, or at least where its last partition ends. */
  readonly sizeBytes: number;
  /** Undefined when the image is no local file. */
  readonly place: FilePlace | undefined;
}

export function standingOf(drive: Drive, image: ImageNeeds): Standing {
  const why = refusalOf(drive, image);
  if (why !== undefined) return { kind: 'refused', why };
  if (drive.kind === 'file') return { kind: 'needs-yes' };
  if (!drive.removable) return { kind: 'needs-name', why: 'it is not a removable drive' };
  if (drive.sizeBytes > LARGE_DRIVE_BYTES) return { kind: 'needs-name', why: 'it is larger than 128 GB' };
  return { kind: 'needs-yes' };
}

function refusalOf(drive: Drive, image: ImageNeeds): string | undefined {
  if (drive.refusal !== undefined) return drive.refusal;
  if (drive.readOnly) return 'it is read-only (a card may have a lock switch on its side)';
  if (drive.kind === 'disk' && drive.sizeBytes === 0) return 'it has no medium in it';
  if (drive.sizeBytes < image.sizeBytes && !canGrow(drive)) {
    return `it is too small: it holds ${drive.sizeBytes} bytes, the image needs ${image.sizeBytes}`;
  }
  if (image.place?.identity === drive.identity) return 'it is the image itself';
  const own = mountPointsOf(drive).find((mountPoint) => image.place?.mountPoints.includes(mountPoint));
  return own === undefined ? undefined : `the image itself lies on it (under ${own})`;
}

/** A new or empty file becomes as large as the image; any other stands for a card of its size. */
const canGrow = (drive: Drive): boolean => drive.kind === 'file' && drive.sizeBytes === 0;

const mountPointsOf = (drive: Drive): string[] => drive.volumes.flatMap((volume) => volume.mountPoints);
