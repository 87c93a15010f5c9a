import type { LogEntry } from '../engine.js';
import { FRAME_HEADER_BYTES, frameTarget } from './frame-parser.js';

/**
 * Takes the frames of a log apart, each as a whole: the engine writes one message a frame, which is the only sign of where a piece of a long line
 * begins (and its time with it). A frame that came in parts is put together once, so that a huge one costs no more than its size.
 */
export class EntryParser {
  private parts: Buffer[] = [];
  private partsBytes = 0;
  /** So many bytes must have come before it is worth looking. */
  private neededBytes = FRAME_HEADER_BYTES;

  /** False in the middle of a frame: a stream that ends there was cut. */
  get atBoundary(): boolean {
    return this.partsBytes === 0;
  }

  /** Throws an `RdtError` when the bytes are no frames. */
  push(chunk: Buffer): LogEntry[] {
    this.parts.push(chunk);
    this.partsBytes += chunk.length;
    if (this.partsBytes < this.neededBytes) return [];
    const bytes = this.parts.length === 1 ? chunk : Buffer.concat(this.parts, this.partsBytes);
    const entries: LogEntry[] = [];
    this.keep(bytes.subarray(this.takeFrames(bytes, entries)));
    return entries;
  }

  /** Answers where the first incomplete frame begins. */
  private takeFrames(bytes: Buffer, entries: LogEntry[]): number {
    let start = 0;
    this.neededBytes = FRAME_HEADER_BYTES;
    while (bytes.length - start >= FRAME_HEADER_BYTES) {
      const end = start + FRAME_HEADER_BYTES + bytes.readUInt32BE(start + 4);
      const stream = frameTarget(bytes, start);
      if (end > bytes.length) {
        this.neededBytes = end - start;
        return start;
      }
      if (end - start > FRAME_HEADER_BYTES)
        entries.push({ stream, bytes: bytes.subarray(start + FRAME_HEADER_BYTES, end) });
      start = end;
    }
    return start;
  }

  private keep(rest: Buffer): void {
    this.parts = rest.length === 0 ? [] : [rest];
    this.partsBytes = rest.length;
  }
}
