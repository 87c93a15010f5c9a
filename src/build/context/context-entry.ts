/** Something of the source folder that goes into the build context. */
export type ContextEntry = ContextFile | ContextFolder | ContextSymlink;

export interface ContextFile extends EntryBase {
  readonly type: 'file';
  readonly sizeBytes: number;
  /** Absolute: where its content is, when a link at its path is followed. */
  readonly realPath?: string;
}

interface ContextFolder extends EntryBase {
  readonly type: 'folder';
}

interface ContextSymlink extends EntryBase {
  readonly type: 'symlink';
  /** As it is on the disk, never resolved. */
  readonly target: Buffer;
}

interface EntryBase {
  /** Relative to the source, with forward slashes, no slash at the end; U+FFFD where a name is not UTF-8. */
  readonly path: string;
  /** The bytes of the path where it is not UTF-8: file names are bytes on Linux, and must arrive as those bytes. */
  readonly rawPath: Buffer | undefined;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number;
  readonly mtimeSeconds: number;
}

/** As it was found on the disk. */
export type ListedEntry = ContextEntry & {
  /** When anything of it changed last, content or mode: nobody can set that back, as they can the time of an edit. */
  readonly ctimeMs: number;
};

/** The bytes under which an entry is sent. */
export const pathBytes = (entry: ContextEntry): Buffer => entry.rawPath ?? Buffer.from(entry.path);
