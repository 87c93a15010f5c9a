import type { ContextEntry } from './context-entry.js';
import type { LevelChoice } from './level-choice.js';

/** An entry of the context for a builder that compares it with what it got last time. Its path, and a link's target, are UTF-8. */
export type OfferedEntry = ContextEntry & {
  /**
   * Seconds: when the entry was changed. Nanoseconds: of a file, what it holds (`contentNanoseconds`). A builder that goes by
   * size and time so sees every change of content, one that kept the file's time as well.
   */
  readonly mtimeNs: bigint;
};

export type OfferedFile = Extract<OfferedEntry, { type: 'file' }>;

/** The context as it was at one moment. */
export interface ContextFiles {
  /** Parents before their content, names in byte order. */
  readonly entries: readonly OfferedEntry[];
  /**
   * The content that was offered, in pieces.
   * @throws ContextChanged, after some pieces perhaps, when the file holds something else by now; RdtError when it can not be read.
   */
  read(file: OfferedFile): AsyncIterable<Buffer>;
}

/** The context file by file, for a builder that keeps what it got and asks only for what differs. */
export interface ContextSource {
  /** What the builder keeps the files under; see `ContextKeys`. */
  readonly key: string;
  /** How hard to compress what is sent, where the builder takes it so; undefined: not at all. */
  readonly level: LevelChoice | undefined;
  /** Reads every file once. @throws RdtError when one can not be read; the signal's reason. */
  offer(signal: AbortSignal): Promise<ContextFiles>;
}

/** A file is not what was offered any more: the context has to be handed over in another way, or once more. */
export class ContextChanged extends Error {
  override readonly name = 'ContextChanged';
}
