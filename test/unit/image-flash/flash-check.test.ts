import { describe, expect, it } from 'vitest';
import { describeBytes, judgeImage } from '../../../src/image/flash-check.js';
import { makeImage, MIB, noise } from './test-image.js';

const judge = (bytes: Buffer, size: 'known' | 'unknown' = 'known') =>
  judgeImage(
    bytes,
    {
      sizeBytes: bytes.length,
      read: (offset, length) => Promise.resolve(Buffer.from(bytes.subarray(offset, offset + length))),
    },
    size === 'known' ? bytes.length : undefined,
  );

const starting = (text: string, at = 0): Buffer => {
  const bytes = noise(40_000);
  bytes.write(text, at, 'latin1');
  return bytes;
};

describe('a disk image', () => {
  it('is one with partitions, and tells where the last one ends', async () => {
    expect(await judge(makeImage(4 * MIB))).toEqual({ kind: 'image', leastSizeBytes: 4 * MIB });
  });

  it('is one too when only its beginning can be seen', async () => {
    const head = makeImage(4 * MIB).subarray(0, MIB);
    expect(await judge(head, 'unknown')).toEqual({ kind: 'image', leastSizeBytes: 4 * MIB });
  });

  it('is truncated when a partition reaches over its end', async () => {
    const image = makeImage(4 * MIB).subarray(0, 3 * MIB);
    expect(await judge(image)).toEqual({ kind: 'truncated', leastSizeBytes: 4 * MIB, partition: 1 });
  });

  it('may be a bare FAT file system', async () => {
    const fat = starting('FAT16   ', 54);
    fat.writeUInt16LE(0xaa55, 510);
    expect(await judge(fat)).toEqual({ kind: 'image', leastSizeBytes: 0 });
  });

  it('is not one with an empty partition table', async () => {
    const image = Buffer.alloc(MIB);
    image.writeUInt16LE(0xaa55, 510);
    expect(await judge(image)).toMatchObject({
      kind: 'not-an-image',
      what: expect.stringMatching(/Intel Edison/) as string,
    });
  });
});

describe('something else is named', () => {
  it.each([
    [Buffer.from('#!/bin/sh\necho "grüße"\n'), 'a text file'],
    [Buffer.from('\n<html><body>404</body></html>'), 'a web page'],
    [starting('7z\xbc\xaf\x27\x1c'), 'a 7z archive'],
    [starting('Rar!\x1a\x07\x01'), 'a RAR archive'],
    [starting('ustar', 257), 'a tar archive'],
    [starting('CD001', 32769), 'an ISO without a partition table (it would boot from a CD only)'],
    [starting('QFI\xfb'), 'a qcow2 disk of a virtual machine'],
    [starting('\x3a\xff\x26\xed'), 'an Android sparse image'],
    [starting('\x53\xef', 1080), 'a bare ext file system without a partition table'],
    [starting('\x7fELF'), 'a program (ELF)'],
    [Buffer.alloc(8192), 'nothing but zeros at its start'],
    [noise(8192), 'no disk image: it has no partition table'],
  ])('%#: %s', (bytes, what) => {
    expect(describeBytes(bytes)).toBe(what);
  });
});
