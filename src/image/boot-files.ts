/** A file or directory as its parent lists it. */
export interface BootEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory';
  readonly sizeBytes: number;
}

/**
 * The files of a boot partition, on a medium or on a running device. Paths start with `/` and are matched as the file system does
 * (FAT: without regard to case). Every change is atomic: after a power cut at any moment a reader finds the old or the new state.
 * A full partition, a damaged file system or a lost connection is an `RdtError`; the old state is then still there.
 */
export interface BootFiles {
  /** The bytes of a file; undefined when there is no such file. */
  read(path: string): Promise<Buffer | undefined>;
  /** What a directory holds, in its own order; undefined when there is no such directory. */
  list(path: string): Promise<readonly BootEntry[] | undefined>;
  /** Creates a file, or replaces its content; missing parent directories are made. Nothing is written when the content is the same. */
  replace(path: string, content: Buffer): Promise<void>;
  /** Removes a file; no error when it is gone. */
  remove(path: string): Promise<void>;
}
