import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { STRIDE_BYTES } from '../../../src/image/page-checksum.js';
import { allocatePages, checksumOf } from '../../../src/image/page-memory.js';
import { noise } from './test-image.js';

const memory = allocatePages(64 * 1024);
const place = (bytes: Uint8Array, at = 0): Buffer => {
  memory.set(bytes, at);
  return memory.subarray(at, at + bytes.length);
};

const FACTOR = 0x9e3779b1 | 0;

function mixed(state: number, word: number): number {
  const product = Math.imul(state ^ word, FACTOR);
  return product ^ (product >>> 15);
}

/** What the vector instructions are meant to compute, one word after the other. */
function plainChecksum(bytes: Buffer): number {
  const lanes = Array.from({ length: STRIDE_BYTES / 4 }, (_, lane) => Math.floor(lane / 4) + 1);
  for (let at = 0; at < bytes.length; at += 4) {
    const lane = (at % STRIDE_BYTES) / 4;
    lanes[lane] = mixed(lanes[lane] ?? 0, bytes.readInt32LE(at));
  }
  const [a = 0, b = 0, c = 0, d = 0, ...others] = lanes;
  const vector = [a, b, c, d];
  others.forEach((word, index) => (vector[index % 4] = mixed(vector[index % 4] ?? 0, word)));
  return vector.reduce(mixed, 0);
}

describe('memory for direct I/O', () => {
  it('begins at a page and is empty', () => {
    const pages = allocatePages(10_000);
    expect(pages.length).toBe(10_000);
    expect(pages.byteOffset % 4096).toBe(0);
    expect(pages.every((byte) => byte === 0)).toBe(true);
  });
});

describe('the checksum of a piece', () => {
  it('is the one that its description says', () => {
    for (const strides of [1, 2, 3, 32, 500]) {
      const bytes = noise(strides * STRIDE_BYTES);
      expect(checksumOf(place(bytes))).toBe(plainChecksum(bytes));
    }
  });

  it('is the same anywhere in any such memory, for any length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.nat({ max: 5000 }), (bytes, at) => {
        const other = allocatedElsewhere.subarray(0, bytes.length);
        other.set(bytes);
        expect(checksumOf(place(bytes, at))).toBe(checksumOf(other));
      }),
    );
  });

  it('changes with every single bit', () => {
    const bytes = place(noise(2 * STRIDE_BYTES + 7));
    const before = checksumOf(bytes);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const at = bit >> 3;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
      expect(checksumOf(bytes)).not.toBe(before);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (bit & 7));
    }
    expect(checksumOf(bytes)).toBe(before);
  });

  it('changes when a faulty data line flips the same bit of several words', () => {
    for (let bit = 0; bit < 32; bit += 1) {
      const bytes = noise(4 * STRIDE_BYTES);
      const before = checksumOf(place(bytes));
      for (const stride of [0, 2]) {
        const at = stride * STRIDE_BYTES;
        bytes.writeInt32LE(bytes.readInt32LE(at) ^ (1 << bit), at);
      }
      expect(checksumOf(place(bytes))).not.toBe(before);
    }
  });

  it('changes when two sectors are exchanged, or all is zeros', () => {
    const bytes = noise(1024);
    const exchanged = Buffer.concat([bytes.subarray(512), bytes.subarray(0, 512)]);
    const sums = [bytes, exchanged, Buffer.alloc(1024)].map((each) => checksumOf(place(each)));
    expect(new Set(sums).size).toBe(3);
  });
});

const allocatedElsewhere = allocatePages(1000);
