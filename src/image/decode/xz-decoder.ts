import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { RdtError } from '../../errors.js';

/** Unpacks xz by a WebAssembly build of xz-embedded: four times slower than `xz`, but nothing to install. Checks CRC32 and CRC64. */
export async function* builtInUnxz(packed: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  // CommonJS: Node finds its export only behind `default`.
  const { XzReadableStream } = (await import('xz-decompress')).default;
  let inputFailure: Error | undefined;
  async function* guarded(): AsyncGenerator<Buffer> {
    try {
      yield* packed;
    } catch (error) {
      inputFailure = error instanceof Error ? error : new Error(String(error));
      throw inputFailure;
    }
  }
  const input = Readable.toWeb(Readable.from(guarded(), { objectMode: false }));
  try {
    const output = new XzReadableStream(input as ReadableStream<Uint8Array>);
    for await (const chunk of Readable.fromWeb(output as ReadableStream)) yield chunk as Buffer;
  } catch (error) {
    throw (
      inputFailure ??
      new RdtError(`${name} is damaged, or packed in a way that only the program xz knows`, { cause: error })
    );
  }
}
