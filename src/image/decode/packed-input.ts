import { createHash, type Hash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { RdtError } from '../../errors.js';

/** Where the bytes of an image file come from, before anything is unpacked. */
export interface PackedInput {
  /** As the user named it. */
  readonly name: string;
  readonly sizeBytes: number | undefined;
  /** Present for local regular files, which can be read anywhere. Closed by `close`. */
  readonly file:
    | { readonly handle: FileHandle; readonly path: string; readonly sizeBytes: number }
    | undefined;
  /** All bytes in order; to be called once. Throws `RdtError`s. */
  chunks(): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** Counts, and hashes when asked to, what passes by. */
export class Meter {
  private readonly hash: Hash | undefined;
  private count = 0;

  constructor(hashing: boolean) {
    this.hash = hashing ? createHash('sha256') : undefined;
  }

  get bytes(): number {
    return this.count;
  }

  /** Lower-case hex of everything so far; undefined when nobody asked. Ends the hashing. */
  sha256(): string | undefined {
    return this.hash?.digest('hex');
  }

  update(chunk: Buffer): void {
    this.count += chunk.length;
    this.hash?.update(chunk);
  }

  async *watch(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.update(chunk);
      yield chunk;
    }
  }
}

/** Throws an `RdtError` unless one of the meters has seen bytes with this sum. */
export function expectSha256(name: string, expected: string, meters: readonly Meter[]): void {
  const sums = meters.map((meter) => meter.sha256());
  if (sums.includes(expected)) return;
  throw new RdtError(
    `${name} is damaged, or not the file that was meant: its SHA-256 is ${String(sums[0])}, not ${expected}`,
    {
      hint: 'Download it again.',
    },
  );
}
