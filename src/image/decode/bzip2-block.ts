import type { BitReader } from './bit-reader.js';

/** The data itself is damaged; the caller knows which file it is. */
export class Bzip2Damage extends Error {}

const GROUP_SYMBOLS = 50;
const MAX_CODE_BITS = 20;
const RUN_A = 0;
const RUN_B = 1;

/** A Huffman code in canonical form: for each length, the largest code, and where its symbols begin in `symbols`. */
interface HuffmanTable {
  readonly minBits: number;
  readonly limit: Int32Array;
  readonly base: Int32Array;
  readonly symbols: Uint16Array;
}

/** A block before its bytes are put into order again. */
export interface Bzip2Block {
  /** The low byte is the data, the rest the place of the next byte. */
  readonly chain: Uint32Array;
  readonly length: number;
  readonly start: number;
}

/** Reads one block, after its magic and CRC. `chain` is as long as a block may be, and used again for each. */
export function readBlock(bits: BitReader, chain: Uint32Array): Bzip2Block {
  if (bits.read(1) === 1) throw new Bzip2Damage('it is in the randomised form of 1996');
  const origin = bits.read(24);
  const alphabet = readAlphabet(bits);
  const groupCount = bits.read(3);
  const selectorCount = bits.read(15);
  if (groupCount < 2 || groupCount > 6 || selectorCount === 0)
    throw new Bzip2Damage('a block header is wrong');
  const selectors = readSelectors(bits, groupCount, selectorCount);
  const tables = Array.from({ length: groupCount }, () => readTable(bits, alphabet.length + 2));
  const length = readSymbols(bits, alphabet, selectors, tables, chain);
  if (origin >= length) throw new Bzip2Damage('a block begins outside of itself');
  return { chain, length, start: linkChain(chain, length, origin) };
}

function readAlphabet(bits: BitReader): Uint8Array {
  const used: number[] = [];
  const rows = bits.read(16);
  for (let row = 0; row < 16; row += 1) {
    if (((rows >> (15 - row)) & 1) === 0) continue;
    const columns = bits.read(16);
    for (let column = 0; column < 16; column += 1) {
      if ((columns >> (15 - column)) & 1) used.push(row * 16 + column);
    }
  }
  if (used.length === 0) throw new Bzip2Damage('a block uses no bytes');
  return Uint8Array.from(used);
}

function readSelectors(bits: BitReader, groupCount: number, count: number): Uint8Array {
  const order = Array.from({ length: groupCount }, (_, index) => index);
  return Uint8Array.from({ length: count }, () => {
    let place = 0;
    while (bits.read(1) === 1) if (++place >= groupCount) throw new Bzip2Damage('a selector is wrong');
    const [group = 0] = order.splice(place, 1);
    order.unshift(group);
    return group;
  });
}

function readTable(bits: BitReader, symbolCount: number): HuffmanTable {
  const lengths = new Uint8Array(symbolCount);
  let length = bits.read(5);
  for (let symbol = 0; symbol < symbolCount; symbol += 1) {
    while (bits.read(1) === 1) length += bits.read(1) === 1 ? -1 : 1;
    if (length < 1 || length > MAX_CODE_BITS) throw new Bzip2Damage('a code is too long');
    lengths[symbol] = length;
  }
  return canonicalTable(lengths);
}

function canonicalTable(lengths: Uint8Array): HuffmanTable {
  const minBits = Math.min(...lengths);
  const limit = new Int32Array(MAX_CODE_BITS + 2).fill(-1);
  const base = new Int32Array(MAX_CODE_BITS + 2);
  const symbols: number[] = [];
  let code = 0;
  for (let bitCount = minBits; bitCount <= MAX_CODE_BITS; bitCount += 1) {
    base[bitCount] = code - symbols.length;
    for (const [symbol, length] of lengths.entries()) if (length === bitCount) symbols.push(symbol);
    code = (base[bitCount] ?? 0) + symbols.length;
    limit[bitCount] = code - 1;
    code <<= 1;
  }
  return { minBits, limit, base, symbols: Uint16Array.from(symbols) };
}

function readSymbol(bits: BitReader, table: HuffmanTable): number {
  let bitCount = table.minBits;
  let code = bits.read(bitCount);
  while (code > (table.limit[bitCount] ?? -1)) {
    if (++bitCount > MAX_CODE_BITS) throw new Bzip2Damage('a code is unknown');
    code = (code << 1) | bits.read(1);
  }
  const symbol = table.symbols[code - (table.base[bitCount] ?? 0)];
  if (symbol === undefined) throw new Bzip2Damage('a code is unknown');
  return symbol;
}

/** Undoes Huffman, run lengths of the most recent byte, and move-to-front. Returns how many bytes the block has. */
function readSymbols(
  bits: BitReader,
  alphabet: Uint8Array,
  selectors: Uint8Array,
  tables: readonly HuffmanTable[],
  chain: Uint32Array,
): number {
  const recent = Uint8Array.from(alphabet);
  const endSymbol = alphabet.length + 1;
  let length = 0;
  let run = 0;
  let runWeight = 1;
  for (let index = 0; ; index += 1) {
    const table = tables[selectors[Math.floor(index / GROUP_SYMBOLS)] ?? tables.length];
    if (table === undefined || bits.isPastEnd) throw new Bzip2Damage('it ends too early');
    const symbol = readSymbol(bits, table);
    if (symbol === RUN_A || symbol === RUN_B) {
      run += runWeight << symbol;
      runWeight <<= 1;
      if (run > chain.length) throw new Bzip2Damage('a run is too long');
      continue;
    }
    if (length + run + 1 > chain.length && symbol !== endSymbol) throw new Bzip2Damage('a block is too long');
    if (length + run > chain.length) throw new Bzip2Damage('a block is too long');
    chain.fill(recent[0] ?? 0, length, length + run);
    length += run;
    run = 0;
    runWeight = 1;
    if (symbol === endSymbol) return length;
    const byte = recent[symbol - 1] ?? 0;
    recent.copyWithin(1, 0, symbol - 1);
    recent[0] = byte;
    chain[length] = byte;
    length += 1;
  }
}

/** Undoes the Burrows-Wheeler transform, as far as links from each byte to the next. Returns the first link. */
function linkChain(chain: Uint32Array, length: number, origin: number): number {
  const places = new Uint32Array(257);
  const count = (byte: number, more: number): void => {
    places[byte] = (places[byte] ?? 0) + more;
  };
  for (let index = 0; index < length; index += 1) count(((chain[index] ?? 0) & 0xff) + 1, 1);
  for (let byte = 1; byte < 257; byte += 1) count(byte, places[byte - 1] ?? 0);
  for (let index = 0; index < length; index += 1) {
    const byte = (chain[index] ?? 0) & 0xff;
    const place = places[byte] ?? 0;
    places[byte] = place + 1;
    chain[place] = ((chain[place] ?? 0) | (index << 8)) >>> 0;
  }
  return (chain[origin] ?? 0) >>> 8;
}
