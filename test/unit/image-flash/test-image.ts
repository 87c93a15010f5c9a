/** One MiB, the grain of everything here. */
export const MIB = 1024 * 1024;

/** Bytes that look random and are the same in every run (xorshift32). */
export function noise(sizeBytes: number, seed = 1): Buffer {
  const words = new Uint32Array(Math.ceil(sizeBytes / 4));
  let state = seed * 2654435761;
  for (let index = 0; index < words.length; index += 1) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[index] = state;
  }
  return Buffer.from(words.buffer, 0, sizeBytes);
}

/** Writes an MBR whose one partition (type 0x0c) reaches from the first MiB to `endBytes`. */
export function writeMbr(image: Buffer, endBytes: number): void {
  image.writeUInt8(0x0c, 446 + 4);
  image.writeUInt32LE(MIB / 512, 446 + 8);
  image.writeUInt32LE((endBytes - MIB) / 512, 446 + 12);
  image.writeUInt16LE(0xaa55, 510);
}

/** A partitioned disk image of noise, with a run of zeros that packs well from `zerosFrom` to `zerosTo`. */
export function makeImage(sizeBytes: number, zerosFrom = 2 * MIB, zerosTo = 3 * MIB): Buffer {
  const image = noise(sizeBytes);
  image.fill(0, 0, 4096).fill(0, zerosFrom, zerosTo);
  writeMbr(image, sizeBytes);
  return image;
}
