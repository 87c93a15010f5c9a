import type { ClientRequest } from 'node:http';
import type { Readable } from 'node:stream';

/** Large buffers go in slices, so that progress can be seen. */
const SLICE_BYTES = 256 * 1024;

/**
 * Sends a body and ends the request. Waits when the engine does not read; stops, and destroys a stream, when the request is closed.
 * Rejects only with the failure of the body's own stream. `onProgress` is called for every piece that has been taken.
 */
export const upload = async (
  body: Readable | Buffer | undefined,
  request: ClientRequest,
  onProgress: () => void,
): Promise<void> => {
  if (body === undefined || (Buffer.isBuffer(body) && body.length <= SLICE_BYTES)) {
    request.end(body);
    return;
  }
  // A stream that waits for its own source would not see that the request is over.
  const stopSource = () => (Buffer.isBuffer(body) ? undefined : body.destroy());
  request.once('close', stopSource);
  try {
    if (!Buffer.isBuffer(body)) {
      // What fails before it is read is thrown when it is.
      body.once('error', () => undefined);
      await sendHead(request);
    }
    await sendPieces(Buffer.isBuffer(body) ? slices(body) : body, request, onProgress);
  } catch (error) {
    if (!request.destroyed) throw error;
  } finally {
    request.removeListener('close', stopSource);
  }
};

/** Goes ahead of a stream: the engine gets ready (an old one starts a program to unpack) while we read the first files. */
const sendHead = async (request: ClientRequest): Promise<void> => {
  request.flushHeaders();
  if (request.socket === null && !request.destroyed)
    await new Promise<void>((resolve) => {
      request.once('socket', () => resolve());
      request.once('close', () => resolve());
    });
};

const sendPieces = async (
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
  request: ClientRequest,
  onProgress: () => void,
): Promise<void> => {
  for await (const piece of pieces) {
    if (request.destroyed) return;
    if (!request.write(piece)) await drained(request);
    onProgress();
  }
  request.end();
};

function* slices(buffer: Buffer): Iterable<Buffer> {
  for (let start = 0; start < buffer.length; start += SLICE_BYTES) {
    yield buffer.subarray(start, start + SLICE_BYTES);
  }
}

const drained = (request: ClientRequest): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      request.removeListener('drain', done);
      request.removeListener('close', done);
      resolve();
    };
    request.on('drain', done);
    request.on('close', done);
  });
