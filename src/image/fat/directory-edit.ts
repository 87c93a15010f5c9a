import type { Directory } from './directory.js';
import { END, ERASED, RECORD_BYTES } from './dir-record.js';

/**
 * Changes to the records of a directory. Each shows or hides a whole entry by the write of one sector, the one with its short record;
 * what has to be there before is written and synced before. A power cut in between leaves at worst pieces of a name that readers skip.
 */
export class DirectoryEdit {
  readonly #directory: Directory;

  constructor(directory: Directory) {
    this.#directory = directory;
  }

  /** The first of `count` free slots in a row, in one sector where possible; undefined when the directory has to grow. */
  findFreeSlots(count: number): number | undefined {
    const { slotCount, slotsPerSector } = this.#directory;
    for (let sector = 0; sector * slotsPerSector < slotCount; sector++) {
      const first = this.#freeRun(count, sector * slotsPerSector, (sector + 1) * slotsPerSector);
      if (first !== undefined) return first;
    }
    return this.#freeRun(count, 0, slotCount);
  }

  /** Puts `records` at `firstSlot`, which `findFreeSlots` gave. */
  async insert(firstSlot: number, records: readonly Buffer[]): Promise<void> {
    const lastSlot = firstSlot + records.length - 1;
    await this.#clearBehindEnd(lastSlot + 1);
    const end = this.#directory.endSlot;
    const changed = Buffer.from(this.#directory.bytes);
    // Skipped slots must not read as the end of the directory.
    for (let slot = end; slot < firstSlot; slot++) changed[slot * RECORD_BYTES] = ERASED;
    records.forEach((record, index) => record.copy(changed, (firstSlot + index) * RECORD_BYTES));
    await this.#write(changed, this.#sectorOf(lastSlot), 'last');
  }

  /** Puts another record into one slot: one write. */
  async overwrite(slot: number, record: Buffer): Promise<void> {
    const changed = Buffer.from(this.#directory.bytes);
    record.copy(changed, slot * RECORD_BYTES);
    await this.#write(changed, this.#sectorOf(slot), 'last');
  }

  async erase(firstSlot: number, lastSlot: number): Promise<void> {
    const changed = this.withErased(firstSlot, lastSlot);
    await this.#write(changed, this.#sectorOf(lastSlot), 'first');
  }

  /**
   * Erases one entry and inserts another by one and the same write; false, and nothing done, when no sector has room for that.
   */
  async move(firstSlot: number, lastSlot: number, records: readonly Buffer[]): Promise<boolean> {
    const sector = this.#sectorOf(lastSlot);
    if (this.#sectorOf(firstSlot) !== sector) return false;
    const from = sector * this.#directory.slotsPerSector;
    const to = from + this.#directory.slotsPerSector;
    const end = this.#directory.endSlot;
    const isOld = (slot: number): boolean => slot >= firstSlot && slot <= lastSlot;
    const place = firstRun(
      records.length,
      from,
      to,
      (slot) => isOld(slot) || slot >= end || this.#directory.firstByte(slot) === ERASED,
    );
    if (place === undefined) return false;
    await this.#clearBehindEnd(place + records.length);
    const changed = this.withErased(firstSlot, lastSlot);
    records.forEach((record, index) => record.copy(changed, (place + index) * RECORD_BYTES));
    await this.#write(changed, sector, 'last');
    return true;
  }

  /** The directory's bytes with these slots marked as erased. */
  withErased(firstSlot: number, lastSlot: number): Buffer {
    const changed = Buffer.from(this.#directory.bytes);
    for (let slot = firstSlot; slot <= lastSlot; slot++) changed[slot * RECORD_BYTES] = ERASED;
    return changed;
  }

  /** Behind the end there may be anything; it must be zero before the end moves over it. */
  async #clearBehindEnd(upToSlot: number): Promise<void> {
    const changed = Buffer.from(this.#directory.bytes);
    const endSlot = this.#directory.endSlot;
    const stop = Math.min((upToSlot + 1) * RECORD_BYTES, changed.length);
    if (endSlot * RECORD_BYTES < stop) changed.fill(END, endSlot * RECORD_BYTES, stop);
    await this.#write(changed, this.#sectorOf(endSlot), 'last');
  }

  /** Writes the sectors that differ, the decisive one before or after all others and a sync in between. */
  async #write(changed: Buffer, decisiveSector: number, when: 'first' | 'last'): Promise<void> {
    const sectors = this.#differingSectors(changed);
    const others = sectors.filter((sector) => sector !== decisiveSector);
    const decisive = sectors.filter((sector) => sector === decisiveSector);
    for (const step of when === 'first' ? [decisive, others] : [others, decisive]) {
      for (const sector of step) await this.#writeSector(sector, changed);
      if (step.length > 0) await this.#directory.device.sync();
    }
    changed.copy(this.#directory.bytes);
  }

  async #writeSector(sector: number, bytes: Buffer): Promise<void> {
    const { sectorBytes, sectorOffsets, device } = this.#directory;
    const offset = sectorOffsets[sector];
    if (offset === undefined) throw new RangeError(`directory has no sector ${sector}`);
    await device.write(offset, bytes.subarray(sector * sectorBytes, (sector + 1) * sectorBytes));
  }

  #differingSectors(changed: Buffer): number[] {
    const { sectorBytes, sectorOffsets, bytes } = this.#directory;
    return sectorOffsets
      .map((_, sector) => sector)
      .filter((sector) => {
        const [from, to] = [sector * sectorBytes, (sector + 1) * sectorBytes];
        return bytes.compare(changed, from, to, from, to) !== 0;
      });
  }

  #sectorOf(slot: number): number {
    return Math.floor(slot / this.#directory.slotsPerSector);
  }

  #freeRun(count: number, from: number, to: number): number | undefined {
    const end = this.#directory.endSlot;
    return firstRun(count, from, to, (slot) => slot >= end || this.#directory.firstByte(slot) === ERASED);
  }
}

/** The first of `count` neighbours in `[from, to)` that all pass. */
function firstRun(
  count: number,
  from: number,
  to: number,
  passes: (slot: number) => boolean,
): number | undefined {
  let length = 0;
  for (let slot = from; slot < to; slot++) {
    length = passes(slot) ? length + 1 : 0;
    if (length === count) return slot - count + 1;
  }
  return undefined;
}
