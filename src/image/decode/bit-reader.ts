/** Reads a buffer bit by bit, the highest of each byte first. Reading behind the end gives zeros, and `isPastEnd`. */
export class BitReader {
  private bytes: Buffer = Buffer.alloc(0);
  private byteAt = 0;
  private window = 0;
  private windowBits = 0;

  /** Whole bytes that have not been touched yet. */
  get leftBytes(): number {
    return this.bytes.length - this.byteAt;
  }

  get isPastEnd(): boolean {
    return this.byteAt > this.bytes.length;
  }

  append(chunk: Buffer): void {
    this.bytes = Buffer.concat([this.bytes.subarray(this.byteAt), chunk]);
    this.byteAt = 0;
  }

  /** At most 24 bits. */
  read(count: number): number {
    while (this.windowBits < count) {
      this.window = ((this.window << 8) | (this.bytes[this.byteAt] ?? 0)) >>> 0;
      this.byteAt += 1;
      this.windowBits += 8;
    }
    this.windowBits -= count;
    const value = this.window >>> this.windowBits;
    this.window &= (1 << this.windowBits) - 1;
    return value;
  }

  read32(): number {
    return this.read(16) * 65536 + this.read(16);
  }

  /** Goes on at the next whole byte. */
  align(): void {
    this.windowBits -= this.windowBits % 8;
    this.window &= (1 << this.windowBits) - 1;
  }
}
