/** A file system, or whatever else `lsblk` found on a drive: the drive itself, a partition, or a layer inside of one. */
export interface Volume {
  readonly path: string;
  /** `disk`, `part`, `crypt`, `lvm`, `raid1` ... as lsblk calls it. */
  readonly type: string;
  readonly sizeBytes: number;
  readonly fsType: string | undefined;
  readonly label: string | undefined;
  readonly mountPoints: readonly string[];
}

/** Something an image can be written to: a whole drive, or a file that stands for one. */
export interface Drive {
  readonly kind: 'disk' | 'file';
  readonly path: string;
  readonly sizeBytes: number;
  /** Vendor and model, when the drive tells. */
  readonly model: string | undefined;
  /** `usb`, `mmc`, `nvme`, `sata` ...; undefined when unknown. */
  readonly bus: string | undefined;
  readonly removable: boolean;
  readonly readOnly: boolean;
  readonly volumes: readonly Volume[];
  /** Why this must never be written, in words; undefined when it may be, with consent. */
  readonly refusal: string | undefined;
  /** Tells a drive from another one that took its name meanwhile: serial number, size, device number. */
  readonly identity: string;
}

/** Where a file lies. */
export interface FilePlace {
  /** As a `Drive` of kind `file` has it. */
  readonly identity: string;
  /** Of the file system that it is on. */
  readonly mountPoints: readonly string[];
}

export interface DriveCatalog {
  /** All drives that may be offered: none of them has a `refusal`. */
  list(signal: AbortSignal): Promise<readonly Drive[]>;
  /** The drive or file behind what the user typed, refused ones too. Throws an `RdtError` when there is none. */
  find(name: string, signal: AbortSignal): Promise<Drive>;
  /** Undefined for what is no existing file. */
  placeOf(path: string): Promise<FilePlace | undefined>;
}

/**
 * A drive opened for this process alone. `data` and `target` come from `allocatePages`, so that the medium itself is
 * written and read, not the page cache; offsets and lengths are multiples of `sectorBytes`.
 * All methods throw `RdtError`s that name the drive.
 */
export interface OpenDrive {
  readonly path: string;
  /** What the medium really holds. Files that stand for drives grow: theirs is unlimited. */
  readonly sizeBytes: number;
  readonly sectorBytes: number;
  write(offset: number, data: Buffer): Promise<void>;
  readInto(offset: number, target: Buffer): Promise<void>;
  /** A file that stands for a drive becomes at least so large, with zeros; drives have the size that they have. */
  extendTo(sizeBytes: number): Promise<void>;
  /** Afterwards everything written is on the medium. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface DriveAccess {
  /** Throws an `RdtError` that says how to get the right, when this user may not write the drive. */
  checkPermission(drive: Drive): Promise<void>;
  /** Unmounts exactly the mount points of this drive's volumes, the newest first. Throws an `RdtError` naming who keeps one busy. */
  unmount(drive: Drive, signal: AbortSignal): Promise<void>;
  /** Throws an `RdtError` at once when the drive is in use, naming the process, or is not the one that was judged. */
  open(drive: Drive, signal: AbortSignal): Promise<OpenDrive>;
}

/** Mounted volumes of a drive, in the words of the lists. */
export const mountedVolumes = (drive: Drive): readonly Volume[] =>
  drive.volumes.filter((volume) => volume.mountPoints.length > 0);
