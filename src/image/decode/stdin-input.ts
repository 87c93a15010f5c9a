import { addAbortSignal, type Readable } from 'node:stream';
import { RdtError } from '../../errors.js';
import type { PackedInput } from './packed-input.js';

/** `-`: throws an `RdtError` when standard input is a terminal, where no image can come from. */
export function openStdinInput(stdin: Readable & { isTTY?: boolean }, signal: AbortSignal): PackedInput {
  if (stdin.isTTY === true) {
    throw new RdtError('standard input is a terminal', {
      hint: 'Pipe an image in: xzcat os.img.xz | rdt flash - ...',
    });
  }
  return streamInput('standard input', stdin, signal);
}

/** What comes through a pipe. */
export function streamInput(name: string, stream: Readable, signal: AbortSignal): PackedInput {
  // A read that waits for a writer can only be ended by closing what it reads from.
  addAbortSignal(signal, stream);
  return {
    name,
    sizeBytes: undefined,
    file: undefined,
    chunks: () => toBuffers(stream),
    close: () => {
      stream.destroy();
      return Promise.resolve();
    },
  };
}

async function* toBuffers(stream: Readable): AsyncGenerator<Buffer> {
  for await (const chunk of stream) yield chunk as Buffer;
}
