/**
 * Random access to the bytes of an image file or a drive.
 * `read` resolves with exactly `length` bytes; it rejects with a `RangeError` when the range is not inside `[0, sizeBytes)`
 * and with an `RdtError` when the medium fails. Drives may want ranges aligned to 512 bytes; callers keep to that.
 */
export interface BlockReader {
  readonly sizeBytes: number;
  read(offset: number, length: number): Promise<Buffer>;
}

/**
 * A `BlockReader` that can be written. What was written before `sync` resolved is on the medium, whatever happens later;
 * of what was written after it, any part may be missing after a power cut. One 512-byte sector is written whole or not at all.
 */
export interface BlockDevice extends BlockReader {
  write(offset: number, data: Buffer): Promise<void>;
  sync(): Promise<void>;
}

export interface ByteRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Throws a `RangeError` unless `[offset, offset + length)` lies inside a medium of `sizeBytes`. */
export function assertInside(sizeBytes: number, offset: number, length: number): void {
  const whole = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (whole && offset >= 0 && length >= 0 && offset + length <= sizeBytes) return;
  throw new RangeError(`bytes ${offset}..${offset + length} are outside of 0..${sizeBytes}`);
}

/** For readers that take what could be written: whoever writes it all the same has a bug. */
export const readOnlyDevice = (reader: BlockReader): BlockDevice => ({
  sizeBytes: reader.sizeBytes,
  read: (offset, length) => reader.read(offset, length),
  write: () => Promise.reject(new RangeError('the image itself is not written')),
  sync: () => Promise.resolve(),
});

/** A window on `device` that refuses every access outside of `range`: what a partition's file system may touch. */
export function sliceReader(device: BlockReader, range: ByteRange): BlockReader {
  return {
    sizeBytes: range.sizeBytes,
    async read(offset, length) {
      assertInside(range.sizeBytes, offset, length);
      return device.read(range.offset + offset, length);
    },
  };
}

/** As `sliceReader`, writable. */
export function sliceDevice(device: BlockDevice, range: ByteRange): BlockDevice {
  return {
    ...sliceReader(device, range),
    async write(offset, data) {
      assertInside(range.sizeBytes, offset, data.length);
      return device.write(range.offset + offset, data);
    },
    sync: () => device.sync(),
  };
}
