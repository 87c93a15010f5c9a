import { crc32 } from 'node:zlib';
import { checksumOver, STRIDE_BYTES, type Checksum } from './page-checksum.js';

/** Neither TypeScript's ES libraries nor Node's types declare it. */
declare const WebAssembly: {
  readonly Memory: new (limits: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const WASM_PAGE_BYTES = 64 * 1024;

/** Of each memory that was allocated here; undefined where the processor cannot. */
const checksums = new WeakMap<ArrayBufferLike, Checksum | undefined>();

/**
 * Memory that begins at a page, as direct I/O demands. Node cannot align a `Buffer`, but the engine maps WebAssembly memory by whole
 * pages. Each call reserves 8 GB of address space (no memory): for a few lasting buffers, not for many.
 */
export function allocatePages(sizeBytes: number): Buffer {
  const pages = Math.max(Math.ceil(sizeBytes / WASM_PAGE_BYTES), 1);
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  checksums.set(memory.buffer, checksumOver(memory));
  return Buffer.from(memory.buffer, 0, sizeBytes);
}

/**
 * 32 bits that tell these bytes from what a failing card makes of them. The same for the same bytes in any memory of `allocatePages`;
 * slower, and another number, for bytes elsewhere.
 */
export function checksumOf(data: Buffer): number {
  const checksum = checksums.get(data.buffer);
  const summedBytes = data.length - (data.length % STRIDE_BYTES);
  if (checksum === undefined || summedBytes === 0) return crc32(data);
  const sum = checksum(data.byteOffset, data.byteOffset + summedBytes);
  return summedBytes === data.length ? sum : sum ^ crc32(data.subarray(summedBytes));
}
